import { createRequire } from 'node:module'
import type { Carrier } from '../../trace/carrier.ts'
import { badOption } from '../../tracking/settings.ts'
import { isTraceHeader } from '../_send.ts'

/** The members of NATS's MsgHdrs that are touched. */
export interface MsgHdrsLike extends Iterable<[string, string[]]> {
  readonly code: number
  readonly description: string
  append(key: string, value: string): void
}

/** The function `headers` of every NATS package. */
export type NewHeaders = (code?: number, description?: string) => MsgHdrsLike

const PACKAGES = ['@nats-io/transport-node', '@nats-io/nats-core', 'nats']

/**
 * Finds `headers` in whichever package is installed. It is not imported: an import names one package, and one that is
 * awaited keeps `require()` out.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION where none is found
 */
export function hostHeaders(
  load: (name: string) => unknown = (name) => createRequire(import.meta.url)(name),
): NewHeaders {
  for (const name of PACKAGES) {
    try {
      // Each of these packages exports it by this name.
      return (load(name) as { readonly headers: NewHeaders }).headers
    } catch {
      // It is not installed, or all is bundled into one file.
    }
  }
  throw badOption('headers', 'the function `headers` of your NATS package, which is not to be found from here')
}

/**
 * Our names in the headers of a message, each with all of its values: of several, `get()` would give the first as if it
 * were alone. NATS folds no case, so other spellings count where ours is not there.
 */
export function carrierOf(message: { readonly headers?: unknown }): Carrier {
  try {
    // A name that NATS does not allow throws as soon as the headers are looked at.
    const { headers } = message
    if (!isMsgHdrs(headers)) return undefined
    const spelled: Record<string, string[]> = {}
    const exact: Record<string, string[]> = {}
    // One pass: `values(key)` looks through all keys each time, and a stranger may send very many.
    for (const [key, values] of headers) {
      const name = key.toLowerCase()
      if (isTraceHeader(name)) ((key === name ? exact : spelled)[name] ??= []).push(...values)
    }
    return { ...spelled, ...exact }
  } catch {
    return undefined
  }
}

/**
 * A copy of the caller's headers without ours: users keep one object for many messages.
 *
 * @returns undefined for what cannot be copied: that is the host's to complain about
 */
export function copyOf(headers: unknown, newHeaders: NewHeaders): MsgHdrsLike | undefined {
  try {
    if (headers === undefined || headers === null) return newHeaders()
    if (!isMsgHdrs(headers)) return undefined
    const { code, description } = headers
    const copy = code > 0 && description !== '' ? newHeaders(code, description) : newHeaders()
    for (const [key, values] of headers) if (!isTraceHeader(key)) for (const value of values) copy.append(key, value)
    return copy
  } catch {
    return undefined
  }
}

function isMsgHdrs(headers: unknown): headers is MsgHdrsLike {
  return typeof headers === 'object' && headers !== null && Symbol.iterator in headers && 'append' in headers
}
