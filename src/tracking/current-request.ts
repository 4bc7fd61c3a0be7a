import { AsyncLocalStorage } from 'node:async_hooks'
import { boundValue, getInternal } from '../sinks/pino-internals.ts'
import { isTraceId, w3cTraceId } from '../trace/trace-id.ts'
import type { TrackedRequest } from './tracked-request.ts'

// Exactly one: each further instance slows every await of the process. Only run, never enterWith, which
// would leak the request into whatever the same chain of callbacks serves next.
const storage = new AsyncLocalStorage<TrackedRequest | undefined>()

/** Where a request hangs on its host's object (`req`, `job`), for code that the storage does not reach. */
const REQUEST = Symbol.for('throughline.request')

/**
 * The request in hand; undefined outside of one.
 *
 * A body parser, a pooled socket or an event listener may have lost the context: give it the host's object then.
 *
 * @param host the `req`, call or job that came in
 * @example currentRequest()?.note('CACHE_MISS', { key })
 */
export function currentRequest(host?: object): TrackedRequest | undefined {
  const hung: unknown = host === undefined ? undefined : Reflect.get(host, REQUEST)
  return hung === undefined ? storage.getStore() : (hung as TrackedRequest)
}

/** The trace id of the request in hand; `''` outside of one. */
export function currentTraceId(): string {
  return storage.getStore()?.traceId ?? ''
}

/** What {@link traceMixin} adds to a line; what is undefined is not written. */
export interface TraceStamp {
  trace_id?: string | undefined
  request_id?: string | undefined
  /** The trace id, where another one stands under `trace_id`. */
  x_trace_id?: string | undefined
}

/**
 * Stamps the application's own lines with the ids of the request in hand.
 *
 * No key is written twice. Where the line has a `trace_id` already, bound to the logger or from OpenTelemetry's
 * instrumentation, that one stays; ours then stands under `x_trace_id`, unless both are the same 128 bits. `request_id` is
 * ours, unless the logger binds one. A mixin of your own hands on what pino gives it, or ours cannot see the line.
 *
 * @example const logger = pino({ mixin: traceMixin })
 * @example const logger = pino({ mixin: (...line) => ({ ...traceMixin(...line), tenant: tenant() }) })
 */
export function traceMixin(told?: object, level?: number, logger?: object): TraceStamp {
  const request = insideMixin ? undefined : storage.getStore()
  if (request === undefined) return {}
  const { traceId, requestId } = request
  // A new object each time: pino merges the line's fields into it.
  const stamp: TraceStamp = { trace_id: traceId, request_id: requestId }
  if (told === undefined || logger === undefined) return stamp
  const bound = boundValue(logger, 'trace_id')
  const mixed: unknown = Reflect.get(fieldsOfOtherMixin(told, level, logger), 'trace_id')
  // Said to be undefined, a key that is bound is kept from the other mixins as well.
  if (bound !== undefined) stamp.trace_id = undefined
  else if (mixed !== undefined) delete stamp.trace_id
  if (boundValue(logger, 'request_id') !== undefined) stamp.request_id = undefined
  const theirs = [Reflect.get(told, 'trace_id') as unknown, bound, mixed].find((id) => id !== undefined)
  if (theirs === undefined || (isTraceId(theirs) && w3cTraceId(theirs) === w3cTraceId(traceId))) return stamp
  return { ...stamp, x_trace_id: boundValue(logger, 'x_trace_id') === undefined ? traceId : undefined }
}

let insideMixin = false

/** What the mixins give with which ours is combined, by OpenTelemetry for one: it hides itself, and asks them for the line. */
function fieldsOfOtherMixin(told: object, level: number | undefined, logger: object): object {
  const mixin = getInternal(logger, 'mixin')
  if (mixin === traceMixin || typeof mixin !== 'function') return {}
  insideMixin = true
  try {
    // Whatever it gives: pino calls all mixins with these.
    const mixed: unknown = (mixin as typeof traceMixin)(told, level, logger)
    return typeof mixed === 'object' && mixed !== null ? mixed : {}
  } finally {
    insideMixin = false
  }
}

/** Runs a function with a request in hand, or with none. */
export function runWith<T>(request: TrackedRequest | undefined, fn: () => T): T {
  return storage.run(request, fn)
}

/** Hangs a request on its host's object; one that is frozen goes without. */
export function attachRequest(host: object, request: TrackedRequest): void {
  try {
    // A plain object (a job) may be copied and compared, and must not show it.
    if (Object.getPrototypeOf(host) === Object.prototype)
      Object.defineProperty(host, REQUEST, { value: request, configurable: true, writable: true })
    else (host as { [REQUEST]?: TrackedRequest })[REQUEST] = request
  } catch {
    // It is frozen: whoever asks for it finds the request in hand.
  }
}
