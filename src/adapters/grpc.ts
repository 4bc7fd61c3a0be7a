import { InterceptingCall, type Interceptor, type ServerInterceptor } from '@grpc/grpc-js'
import type { AuthOptions } from '../handlers/authenticate.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { TrackedCall, type IncomingCall } from './_grpc/tracked-call.ts'
import { withTraceHeaders } from './_grpc/metadata.ts'

export type { IncomingCall } from './_grpc/tracked-call.ts'

/** A tracker's options, or `{ tracker }`, and how callers are found out. */
export type GrpcOptions = TrackerSource & AuthOptions<IncomingCall>

/**
 * Tracks every call of a server, of all four kinds, from its metadata to its status.
 *
 * Put it first: grpc-js itself ends a call whose deadline has passed or whose message cannot be read or written,
 * and only the first interceptor can see that. Calls of methods that are not registered reach no interceptor.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example new Server({ interceptors: [trackRequest({ service: 'catalog' })] })
 */
export function trackRequest(options: GrpcOptions): ServerInterceptor {
  const core = coreOf(options)
  return (method, call) => new TrackedCall(call, method.path, core, options)
}

/**
 * Sends the request in hand along with every call of a client: `x-trace-id`, `traceparent`, `tracestate`.
 *
 * A key that the caller has set stays as it is, and outside of a request nothing is added.
 *
 * @example new CatalogClient(address, credentials, { interceptors: [propagate()] })
 */
export function propagate(): Interceptor {
  return (options, nextCall) => {
    const request = currentRequest()
    if (request === undefined) return new InterceptingCall(nextCall(options))
    return new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => next(withTraceHeaders(metadata, request.headers()), listener),
    })
  }
}
