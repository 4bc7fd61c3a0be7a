import { createRequire } from 'node:module'
import { isAbsolute, join } from 'node:path'
import type { Carrier } from '../../trace/carrier.ts'
import { badOption } from '../../tracking/settings.ts'
import { isObject } from '../_objects.ts'
import { isTraceHeader } from '../_trace-headers.ts'

/** The members of NATS's MsgHdrs that are used. */
export interface MsgHdrsLike extends Iterable<[string, string[]]> {
  readonly code: number
  readonly description: string
  append(key: string, value: string): void
}

/** The function `headers` of every NATS package. */
export type NewHeaders = (code?: number, description?: string) => MsgHdrsLike

const PACKAGES = ['@nats-io/transport-node', '@nats-io/nats-core', 'nats']

/**
 * Finds `headers` in the NATS package that is installed. It is required, not imported: a static import would name one
 * package, and a top-level await would make this module unusable with `require()`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION if none is found
 */
export function hostHeaders(load: (name: string) => unknown = loadFromProgram): NewHeaders {
  for (const name of PACKAGES) {
    try {
      // Each of these packages exports it by this name.
      return (load(name) as { readonly headers: NewHeaders }).headers
    } catch {
      // It is not installed, or the program is bundled into one file.
    }
  }
  throw badOption('headers', 'the function `headers` of your NATS package, which was not found from the program')
}

/**
 * Requires a package as the program itself would: from its main file, or from the folder in which it was started. Our
 * own place would be `import.meta.url`, which nothing that compiles us to CommonJS understands, such as Jest.
 */
function loadFromProgram(name: string): unknown {
  const [, main = ''] = process.argv
  try {
    if (isAbsolute(main)) return createRequire(main)(name) as unknown
  } catch {
    // It may be a tool that is installed elsewhere.
  }
  return createRequire(join(process.cwd(), 'main.js'))(name) as unknown
}

/**
 * The trace headers of a message, each with all of its values, since `get()` would hide that there are several. NATS
 * keeps the case of names, so other spellings count if the lower-case name is absent.
 */
export function carrierOf(message: { readonly headers?: unknown }): Carrier {
  try {
    // Headers are parsed on first access, which throws on a name that NATS does not allow.
    const { headers } = message
    if (!isMsgHdrs(headers)) return undefined
    const otherCase: Record<string, string[]> = {}
    const exact: Record<string, string[]> = {}
    // One pass: `values(key)` searches all keys each time, and a third party may send very many.
    for (const [key, values] of headers) {
      const name = key.toLowerCase()
      if (isTraceHeader(name)) ((key === name ? exact : otherCase)[name] ??= []).push(...values)
    }
    return { ...otherCase, ...exact }
  } catch {
    return undefined
  }
}

/**
 * A copy of the caller's headers without trace headers: a caller may use one object for many messages.
 *
 * @returns undefined for headers that cannot be copied, which the host reports itself
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
  return isObject(headers) && Symbol.iterator in headers && 'append' in headers
}
