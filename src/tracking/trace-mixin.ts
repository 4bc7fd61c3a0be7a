import { boundValue, getInternal } from '../sinks/pino-internals.ts'
import { isTraceId, w3cTraceId } from '../trace/trace-id.ts'
import { storedRequest, type StoredRequest } from './storage.ts'

/** The fields that {@link traceMixin} adds to a line; an undefined field is not written. */
export interface TraceStamp {
  trace_id?: string | undefined
  request_id?: string | undefined
  /** The request's trace id, where `trace_id` already holds another one. */
  x_trace_id?: string | undefined
}

/**
 * A pino mixin that stamps the application's own lines with the ids of the current request.
 *
 * It never writes a key twice. A `trace_id` that is bound to the logger, or added by OpenTelemetry's instrumentation of
 * pino, stays; ours is then written as `x_trace_id`, unless both are the same 128 bits. `request_id` is ours, unless
 * the logger binds one. A mixin that wraps this one has to pass on pino's arguments.
 *
 * @example const logger = pino({ mixin: traceMixin })
 * @example const logger = pino({ mixin: (...line) => ({ ...traceMixin(...line), tenant: tenant() }) })
 */
export function traceMixin(mergeObject?: object, level?: number, logger?: object): TraceStamp {
  const request = insideMixin ? undefined : (announcedIn(mergeObject) ?? storedRequest())
  if (request === undefined) return {}
  const { traceId, requestId } = request
  // A new object each time: pino merges the line's fields into it.
  const stamp: TraceStamp = { trace_id: traceId, request_id: requestId }
  if (mergeObject === undefined || logger === undefined) return stamp
  const bound = boundValue(logger, 'trace_id')
  const mixed: unknown = Reflect.get(fieldsOfOtherMixin(mergeObject, level, logger), 'trace_id')
  // An undefined value also keeps the other mixins from writing a key that is bound.
  if (bound !== undefined) stamp.trace_id = undefined
  else if (mixed !== undefined) delete stamp.trace_id
  if (boundValue(logger, 'request_id') !== undefined) stamp.request_id = undefined
  const other = [Reflect.get(mergeObject, 'trace_id') as unknown, bound, mixed].find((id) => id !== undefined)
  if (other === undefined || (isTraceId(other) && w3cTraceId(other) === w3cTraceId(traceId))) return stamp
  return { ...stamp, x_trace_id: boundValue(logger, 'x_trace_id') === undefined ? traceId : undefined }
}

/**
 * The key under which a host's request has its ids before it is tracked: Fastify logs that it came in before it calls the
 * first hook.
 */
export const ANNOUNCED = Symbol.for('throughline.announced')

/** The ids of the host's request that a line is about. */
function announcedIn(line: object | undefined): StoredRequest | undefined {
  const req: unknown = line === undefined ? undefined : Reflect.get(line, 'req')
  // Only a host's adapter writes under this key.
  return typeof req === 'object' && req !== null
    ? (Reflect.get(req, ANNOUNCED) as StoredRequest | undefined)
    : undefined
}

let insideMixin = false

/** The fields of the mixin that wraps ours, such as OpenTelemetry's: calls it with our own part disabled. */
function fieldsOfOtherMixin(mergeObject: object, level: number | undefined, logger: object): object {
  const mixin = getInternal(logger, 'mixin')
  if (mixin === traceMixin || typeof mixin !== 'function') return {}
  insideMixin = true
  try {
    // pino calls every mixin with these arguments; what it returns is checked below.
    const mixed: unknown = (mixin as typeof traceMixin)(mergeObject, level, logger)
    return typeof mixed === 'object' && mixed !== null ? mixed : {}
  } finally {
    insideMixin = false
  }
}
