import type { ServerInterceptingCall } from '@grpc/grpc-js'
import { isObject } from '../_objects.ts'

/** What receives the parts of a call: an interceptor, or at the end of their chain grpc-js, which calls the handler. */
export type Listener = Parameters<ServerInterceptingCall['start']>[0]

/**
 * The last listener of a chain. Each interceptor's has the next one in a property that grpc-js does not document; if it
 * is not there, the given one is returned.
 */
export function lastListener(listener: Listener): Listener {
  const next: unknown = Reflect.get(listener, 'nextListener')
  // What follows a listener is one, too.
  return isObject(next) ? lastListener(next as unknown as Listener) : listener
}

/** Whether a listener is grpc-js's own: the interceptors' are instances of a class. */
export function isPlainObject(listener: Listener): boolean {
  return Object.getPrototypeOf(listener) === Object.prototype
}

/** Calls a function before a listener receives the metadata. */
export function onMetadata(listener: Listener, call: () => void): void {
  const receive = listener.onReceiveMetadata.bind(listener)
  listener.onReceiveMetadata = (metadata) => {
    call()
    receive(metadata)
  }
}
