import { currentRequest } from '../tracking/current-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { OnCallEnd } from '../tracking/calls.ts'
import { endOfError, endOfStatus, startPropagatedCall, watchCall, type EndReader } from './_calls.ts'
import { isObject } from './_objects.ts'
import { shouldPropagate, compileTargets, type PropagateOptions } from './_propagation-targets.ts'
import type { AnyFunction } from './_wrap-methods.ts'

export type { PropagateOptions, Target } from './_propagation-targets.ts'

/**
 * Wraps fetch: its requests to the hosts of `to` carry the trace (`x-trace-id`, `traceparent`, `tracestate`).
 *
 * Headers that the caller has set stay, and requests outside a tracked one are unchanged.
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
  const isTarget = compileTargets(options.to)
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

/** Undefined for an invalid URL, which fetch reports itself. */
function urlOf(input: unknown): URL | undefined {
  try {
    return new URL(String(isObject(input) && 'url' in input ? input.url : input))
  } catch {
    return undefined
  }
}

interface FetchCall {
  /** The caller's headers and the missing trace headers. */
  readonly headers: Headers
  readonly end: OnCallEnd | undefined
}

/** Undefined for invalid headers, which fetch reports itself. */
function startCall(request: TrackedRequest, url: URL, input: unknown, init: unknown): FetchCall | undefined {
  let headers: Headers
  try {
    headers = new Headers(headersOf(init) ?? headersOf(input))
  } catch {
    return undefined
  }
  const call = startPropagatedCall(
    request,
    (name) => headers.has(name),
    () => ({
      target: url.host,
      method: String(memberOf('method', input, init) ?? 'GET').toUpperCase(),
      path: url.pathname,
    }),
  )
  for (const [name, value] of call.headers) headers.set(name, value)
  return { headers, end: call.end }
}

function endReader(input: unknown, init: unknown): EndReader {
  return {
    endOf: (response) => endOfStatus(isObject(response) ? response.status : undefined),
    endOfThrown(error) {
      const signal = memberOf('signal', input, init)
      const end = endOfError(error)
      // The reason of an abort may be any error.
      return isObject(signal) && signal.aborted === true ? { ...end, outcome: 'aborted' } : end
    },
  }
}

/** An option of a call, which a Request has as a property. */
function memberOf(name: 'method' | 'signal', input: unknown, init: unknown): unknown {
  return (isObject(init) ? init[name] : undefined) ?? (isObject(input) ? input[name] : undefined)
}

function headersOf(source: unknown): ConstructorParameters<typeof Headers>[0] {
  const headers: unknown = isObject(source) ? source.headers : undefined
  // Headers accepts what fetch accepts, and throws for the rest.
  return headers as ConstructorParameters<typeof Headers>[0]
}
