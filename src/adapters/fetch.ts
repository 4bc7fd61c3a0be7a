import { HEADERS } from '../trace/carrier.ts'
import { currentRequest } from '../tracking/context.ts'
import { badOption } from '../tracking/settings.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { isOwnHost } from './_own-host.ts'

/** Which hosts are told of the trace: see {@link PropagateOptions.to}. */
export type Target = string | RegExp | ((url: URL) => boolean)

/** What {@link propagate} takes. */
export interface PropagateOptions {
  /**
   * The hosts that are told: a name, with or without a port (`'catalog.internal'`, `'localhost:3000'`); `'*.svc.local'`
   * for every name below one; a pattern for the host name alone, as one for the whole URL would also match what a
   * stranger's path or query says; or a function of the URL.
   *
   * By default only hosts that cannot be a third party's: loopback, private and link-local addresses, names of a single
   * label, and those under .internal, .local, .localhost, .svc and .cluster.local. A trace id in a stranger's log ties
   * together what your systems do for one user, and it cannot be called back: so other hosts have to be named.
   */
  readonly to?: readonly Target[]
}

/**
 * The same fetch, whose requests to the hosts of `to` carry the trace: `x-trace-id`, `traceparent` and `tracestate`.
 *
 * Headers that the caller set are left as they are, and so is every request outside of a tracked one.
 *
 * fetch follows redirects by itself, and to another origin it takes along every header but `authorization`, `cookie`,
 * `host` and the like: a host of `to` that redirects to a stranger sends the trace along. These are ids and no
 * secrets; where that matters, call with `redirect: 'manual'`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for a `to` that cannot be used
 * @example const fetch = propagate(globalThis.fetch, { to: ['catalog.internal', '*.svc.local'] })
 */
export function propagate<F extends (...args: never[]) => Promise<unknown>>(fetch: F, options: PropagateOptions = {}): F {
  const told = matcherOf(options.to)
  // A fetch is called with what it was given and gives what it gave: only its headers may be more.
  const original = fetch as unknown as (...args: unknown[]) => Promise<unknown>
  const propagating: typeof original = (input, init, ...rest) => {
    const request = currentRequest()
    const headers = request === undefined || !isTold(request, told, input) ? undefined : headersFor(request, input, init)
    return headers === undefined ? original(input, init, ...rest) : original(input, { ...(init ?? {}), headers }, ...rest)
  }
  return propagating as unknown as F
}

function matcherOf(to: PropagateOptions['to']): (url: URL) => boolean {
  if (to === undefined) return (url) => isOwnHost(url.hostname)
  if (!Array.isArray(to)) throw badOption('to', "an array of host names, '*.' and a name, patterns or functions")
  const matchers = to.map(matcher)
  return (url) => matchers.some((matches) => matches(url))
}

const HOST = /^(\*\.)?[^*/@\s]+$/

function matcher(target: Target): (url: URL) => boolean {
  if (typeof target === 'function') return (url) => target(url)
  // Unlike `test`, `search` keeps no place in a pattern with the flag g.
  if (target instanceof RegExp) return (url) => url.hostname.search(target) !== -1
  if (typeof target !== 'string' || !HOST.test(target)) {
    throw badOption('to', "host names such as 'catalog.internal' or '*.svc.local', patterns or functions")
  }
  const name = target.toLowerCase()
  return name.startsWith('*.') ? (url) => url.hostname.endsWith(name.slice(1)) : (url) => url.hostname === name || url.host === name
}

function isTold(request: TrackedRequest, told: (url: URL) => boolean, input: unknown): boolean {
  const url = urlOf(input)
  if (url === undefined) return false
  try {
    return told(url)
  } catch (error) {
    // A function of the user's that threw has not said yes.
    request.tell('note', 'PROPAGATE', { error })
    return false
  }
}

/** Undefined for what is no URL: that is fetch's to complain about. */
function urlOf(input: unknown): URL | undefined {
  try {
    return new URL(String(typeof input === 'object' && input !== null && 'url' in input ? input.url : input))
  } catch {
    return undefined
  }
}

/** The request's own headers and ours; undefined where they are such that fetch has to complain about them. */
function headersFor(request: TrackedRequest, input: unknown, init: unknown): Headers | undefined {
  let headers: Headers
  try {
    headers = new Headers(headersOf(init) ?? headersOf(input))
  } catch {
    return undefined
  }
  // The tracestate belongs to its traceparent: with another's it would speak of the wrong trace.
  const foreign = headers.has(HEADERS.traceparent)
  for (const [name, value] of Object.entries(request.headers())) {
    if (!headers.has(name) && !(foreign && name === HEADERS.tracestate)) headers.set(name, value)
  }
  return headers
}

function headersOf(source: unknown): ConstructorParameters<typeof Headers>[0] {
  const headers: unknown = typeof source === 'object' && source !== null && 'headers' in source ? source.headers : undefined
  // What fetch takes as headers, Headers takes too, or it throws.
  return headers as ConstructorParameters<typeof Headers>[0]
}
