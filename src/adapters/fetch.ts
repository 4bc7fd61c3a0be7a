import { currentRequest } from '../tracking/current-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { missingHeaders } from './_missing-headers.ts'
import { shouldPropagate, compileTargets, type PropagateOptions } from './_propagation-targets.ts'

export type { PropagateOptions, Target } from './_propagation-targets.ts'

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
export function propagate<F extends (...args: never[]) => Promise<unknown>>(
  fetch: F,
  options: PropagateOptions = {},
): F {
  const told = compileTargets(options.to)
  // A fetch is called with what it was given and gives what it gave: only its headers may be more.
  const original = fetch as unknown as (...args: unknown[]) => Promise<unknown>
  const propagating: typeof original = (input, init, ...rest) => {
    const request = currentRequest()
    const headers =
      request === undefined || !shouldPropagate(request, told, urlOf(input))
        ? undefined
        : headersFor(request, input, init)
    return headers === undefined
      ? original(input, init, ...rest)
      : original(input, { ...(init ?? {}), headers }, ...rest)
  }
  return propagating as unknown as F
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
  for (const [name, value] of missingHeaders(request.headers(), (name) => headers.has(name))) headers.set(name, value)
  return headers
}

function headersOf(source: unknown): ConstructorParameters<typeof Headers>[0] {
  const headers: unknown =
    typeof source === 'object' && source !== null && 'headers' in source ? source.headers : undefined
  // What fetch takes as headers, Headers takes too, or it throws.
  return headers as ConstructorParameters<typeof Headers>[0]
}
