import { currentRequest } from '../tracking/current-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { isObject } from './_objects.ts'
import { shouldPropagate, compileTargets, type PropagateOptions } from './_propagation-targets.ts'
import { missingHeaders } from './_trace-headers.ts'
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
  const isTarget = compileTargets(options)
  // The result has the type of the fetch: same arguments but for headers, same result.
  const original = fetch as unknown as AnyFunction
  const propagating: AnyFunction = (input, init, ...rest) => {
    const request = currentRequest()
    const propagates = request !== undefined && shouldPropagate(request, isTarget, urlOf(input))
    const headers = propagates ? headersFor(request, input, init) : undefined
    return headers === undefined
      ? original(input, init, ...rest)
      : original(input, { ...(init ?? {}), headers }, ...rest)
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

/** The caller's headers and the missing trace headers; undefined for invalid headers, which fetch reports itself. */
function headersFor(request: TrackedRequest, input: unknown, init: unknown): Headers | undefined {
  let headers: Headers
  try {
    headers = new Headers(headersOf(init) ?? headersOf(input))
  } catch {
    return undefined
  }
  for (const [name, value] of missingHeaders(request.headers(), (name) => headers.has(name))) headers.set(name, value)
  return headers
}

function headersOf(source: unknown): ConstructorParameters<typeof Headers>[0] {
  const headers: unknown = isObject(source) ? source.headers : undefined
  // Headers accepts what fetch accepts, and throws for the rest.
  return headers as ConstructorParameters<typeof Headers>[0]
}
