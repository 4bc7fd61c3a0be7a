import { storedRequest } from './storage.ts'
import type { TrackedRequest } from './tracked-request.ts'

/**
 * The key under which a request is attached to its host's object (`req`, `job`), for code that has lost the context.
 */
const REQUEST = Symbol.for('throughline.request')

/**
 * The current request, or undefined outside a request.
 *
 * A body parser, a pooled socket or an event listener may have lost the context: pass the host's object then.
 *
 * @typeParam Principal the caller: what `authenticate` resolves to
 * @param host the `req`, call or job that came in
 * @example currentRequest()?.note('CACHE_MISS', { key })
 * @example const user = currentRequest<PrincipalOf<typeof authenticate>>()?.principal
 */
export function currentRequest<Principal = unknown>(host?: object): TrackedRequest<Principal> | undefined {
  const attached: unknown = host === undefined ? undefined : Reflect.get(host, REQUEST)
  // Only tracked requests are attached or stored; the caller knows what its own `authenticate` returns.
  return (attached ?? storedRequest()) as TrackedRequest<Principal> | undefined
}

/** The trace id of the current request, or `''` outside a request. */
export function currentTraceId(): string {
  return storedRequest()?.traceId ?? ''
}

/** The request that is attached to its host's object. */
export function attachedRequest(host: object): TrackedRequest | undefined {
  // As above.
  return Reflect.get(host, REQUEST) as TrackedRequest | undefined
}

/** Attaches a request to its host's object; a frozen object stays as it is. */
export function attachRequest(host: object, request: TrackedRequest): void {
  try {
    // A plain object (a job) may be copied and compared, so the property is not enumerable there.
    if (Object.getPrototypeOf(host) === Object.prototype)
      Object.defineProperty(host, REQUEST, { value: request, configurable: true, writable: true })
    else (host as { [REQUEST]?: TrackedRequest })[REQUEST] = request
  } catch {
    // A frozen object: currentRequest(host) falls back to the context.
  }
}
