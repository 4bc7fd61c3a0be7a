import { badOption } from '../tracking/settings.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { isPrivateHost } from './_private-host.ts'

/** Which hosts are told of the trace: see {@link PropagateOptions.to}. */
export type Target = string | RegExp | ((url: URL) => boolean)

/** What the `propagate` of an HTTP client takes. */
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

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for a `to` that cannot be used */
export function compileTargets(to: PropagateOptions['to']): (url: URL) => boolean {
  if (to === undefined) return (url) => isPrivateHost(url.hostname)
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
  return name.startsWith('*.')
    ? (url) => url.hostname.endsWith(name.slice(1))
    : (url) => url.hostname === name || url.host === name
}

/** Whether a host is told; what is no URL is nobody. */
export function shouldPropagate(request: TrackedRequest, told: (url: URL) => boolean, url: URL | undefined): boolean {
  if (url === undefined) return false
  try {
    return told(url)
  } catch (error) {
    // A function of the user's that threw has not said yes.
    request.emitNote('note', 'PROPAGATE', { error })
    return false
  }
}
