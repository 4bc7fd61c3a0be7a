import { InterceptingCall, type Interceptor, type ServerInterceptor } from '@grpc/grpc-js'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handlers/handler-options.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { ServerInterceptingCall } from './_grpc/server-call.ts'
import { TrackedCall, type IncomingCall } from './_grpc/tracked-call.ts'
import { startPropagatedCall } from './_calls.ts'
import { checkKeys, ownValue, statusListener, withTraceHeaders } from './_grpc/outgoing-call.ts'

export type { IncomingCall } from './_grpc/tracked-call.ts'

/** A tracker's options, or `{ tracker }`, and how callers are authenticated. */
export type GrpcOptions = TrackerSource & HandlerOptions<IncomingCall>

/**
 * A server interceptor that tracks every call, of all four kinds, from its metadata to its status.
 *
 * Put it first: when a deadline has passed, or a message cannot be read or written, grpc-js ends the call itself, and
 * only the first interceptor sees that. Calls of unregistered methods reach no interceptor.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example new Server({ interceptors: [trackRequest({ service: 'catalog' })] })
 */
export function trackRequest(options: GrpcOptions): ServerInterceptor {
  const core = coreOf(options, HANDLER_OPTIONS)
  checkKeys(core.settings.idHeaders.echo)
  const { errors } = core.settings
  return (method, call) =>
    errors.run(() => new TrackedCall(call, method.path, core, options)) ?? new ServerInterceptingCall(call)
}

/**
 * A client interceptor that adds the trace of the current request to every call: `x-trace-id`, `traceparent`,
 * `tracestate`.
 *
 * Keys that the caller has set stay; those that were copied from the current request's metadata are replaced. Outside
 * a request nothing is added.
 *
 * @example new CatalogClient(address, credentials, { interceptors: [propagate()] })
 */
export function propagate(): Interceptor {
  return (options, nextCall) => {
    const request = currentRequest()
    if (request === undefined) return new InterceptingCall(nextCall(options))
    const { path } = options.method_definition
    return new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        const call = startPropagatedCall(
          request,
          (name) => ownValue(metadata, name),
          () => ({ target: path.slice(1, path.lastIndexOf('/')), method: 'grpc', path }),
        )
        next(withTraceHeaders(metadata, call), call.end === undefined ? listener : statusListener(call.end))
      },
    })
  }
}
