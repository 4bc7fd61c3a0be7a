import { badOption, checkNames, type OptionNames } from '../tracking/options.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { isPrivateHost } from './_private-host.ts'

/** A host that receives the trace: see {@link PropagateOptions.to}. */
export type Target = string | RegExp | ((url: URL) => boolean)

/** The options of `propagate` for an HTTP client. */
export interface PropagateOptions {
  /**
   * The hosts that receive the trace: a name, with or without a port (`'catalog.internal'`, `'localhost:3000'`);
   * `'*.svc.local'` for every name below one; a pattern, which is matched with the host name alone, since a third
   * party's path or query may contain anything; or a function of the URL.
   *
   * By default only private hosts: loopback, private and link-local addresses, names of a single label, and names under
   * .internal, .local, .localhost, .svc and .cluster.local. Other hosts must be named: a trace id in a third party's
   * log links what your systems do for one user, and cannot be taken back.
   */
  readonly to?: readonly Target[]
}

const PROPAGATE_OPTIONS: OptionNames<PropagateOptions> = { to: true }

/** Whether a URL is among the targets. */
export type IsTarget = (url: URL) => boolean

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for options that cannot be used */
export function compileTargets(options: PropagateOptions): IsTarget {
  checkNames(options, 'propagate()', [PROPAGATE_OPTIONS])
  const { to } = options
  if (to === undefined) return (url) => isPrivateHost(url.hostname)
  if (!Array.isArray(to)) throw badOption('to', "an array of host names, '*.' and a name, patterns or functions")
  const matchers = to.map(matcher)
  return (url) => matchers.some((matches) => matches(url))
}

const HOST = /^(\*\.)?[^*/@\s]+$/

function matcher(target: Target): IsTarget {
  if (typeof target === 'function') return (url) => target(url)
  // Unlike `test`, `search` ignores the `lastIndex` of a pattern with the flag g.
  if (target instanceof RegExp) return (url) => url.hostname.search(target) !== -1
  if (typeof target !== 'string' || !HOST.test(target)) {
    throw badOption('to', "host names such as 'catalog.internal' or '*.svc.local', patterns or functions")
  }
  const name = target.toLowerCase()
  return name.startsWith('*.')
    ? (url) => url.hostname.endsWith(name.slice(1))
    : (url) => url.hostname === name || url.host === name
}

/** Whether a URL receives the trace; false for an invalid URL, and if the user's function throws. */
export function shouldPropagate(request: TrackedRequest, isTarget: IsTarget, url: URL | undefined): boolean {
  if (url === undefined) return false
  try {
    return isTarget(url)
  } catch (error) {
    request.emitNote('note', 'PROPAGATE', { error })
    return false
  }
}
