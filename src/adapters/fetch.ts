import { currentRequest } from '../tracking/current-request.ts'
import { watchCall } from './_calls.ts'
import { endReader, startCall, urlOf } from './_fetch/call.ts'
import { shouldPropagate, compileTargets, type PropagateOptions } from './_propagation-targets.ts'
import type { AnyFunction } from './_wrap-methods.ts'

export type { PropagateOptions, Target } from './_propagation-targets.ts'

/**
 * Wraps fetch: its requests to the hosts of `to` carry the trace (`x-trace-id`, `traceparent`, `tracestate`).
 *
 * Headers that the caller has set stay, those that were copied from the current request are replaced, and requests
 * outside a tracked one are unchanged.
 *
 * fetch follows redirects itself. To another origin it sends all headers except `authorization`, `cookie`, `host` and
 * the like: if a host of `to` redirects to a third party, the third party receives the trace. It contains ids and no
 * secrets; if that matters, call with `redirect: 'manual'`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for a `to` that cannot be used
 * @example const fetch = propagate(globalThis.fetch, { to: ['catalog.internal', '*.svc.local'] })
 */
export function propagate<F extends (...args: never[]) => Promise<unknown>>(
  fetch: F,
  options: PropagateOptions = {},
): F {
  const isTarget = compileTargets(options)
  // The result has the type of the fetch: same arguments but for headers, same result.
  const original = fetch as unknown as AnyFunction
  const propagating: AnyFunction = (input, init, ...rest) => {
    const request = currentRequest()
    const url = request === undefined ? undefined : urlOf(input)
    const propagates = request !== undefined && url !== undefined && shouldPropagate(request, isTarget, url)
    const call = propagates ? startCall(request, url, input, init) : undefined
    if (call === undefined) return original(input, init, ...rest)
    const { headers, end } = call
    const send = (): unknown => original(input, { ...(init ?? {}), headers }, ...rest)
    return end === undefined ? send() : watchCall(send, end, endReader(input, init))
  }
  return propagating as unknown as F
}
