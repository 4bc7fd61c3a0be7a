import { AsyncLocalStorage } from 'node:async_hooks'
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

/**
 * Stamps the application's own lines with the ids of the request in hand.
 *
 * @example const logger = pino({ mixin: traceMixin })
 */
export function traceMixin(): { trace_id?: string; request_id?: string } {
  const request = storage.getStore()
  // A new object each time: pino merges the line's fields into it.
  return request === undefined ? {} : { trace_id: request.traceId, request_id: request.requestId }
}

/** Runs a function with a request in hand, or with none. */
export function runWith<T>(request: TrackedRequest | undefined, fn: () => T): T {
  return storage.run(request, fn)
}

/** Hangs a request on its host's object; one that is frozen goes without. */
export function hangOn(host: object, request: TrackedRequest): void {
  try {
    // A plain object (a job) may be copied and compared, and must not show it.
    if (Object.getPrototypeOf(host) === Object.prototype) Object.defineProperty(host, REQUEST, { value: request, configurable: true, writable: true })
    else (host as { [REQUEST]?: TrackedRequest })[REQUEST] = request
  } catch {
    // It is frozen: whoever asks for it finds the request in hand.
  }
}
