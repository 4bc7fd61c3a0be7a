import { isObject } from '../_objects.ts'

/**
 * Makes the idle timer of a pooled socket run in the context of the request that uses the socket.
 *
 * Node leaves the agent's `timeout` armed by the previous request: listeners of `timeout`, and of the `error` that
 * follows, would find that one as the current request. The timer is set again, to the same duration, when the socket is
 * assigned, just before the request is written.
 */
export function rearmSocketTimeout(outgoing: unknown): void {
  if (isEmitter(outgoing)) outgoing.once('socket', rearm)
}

function rearm(socket: unknown): void {
  if (hasTimer(socket) && socket.timeout > 0) socket.setTimeout(socket.timeout)
}

function isEmitter(value: unknown): value is { once(event: string, listener: (socket: unknown) => void): unknown } {
  return isObject(value) && typeof value.once === 'function'
}

/** True for Node's own sockets; another agent may use any stream. */
function hasTimer(value: unknown): value is { readonly timeout: number; setTimeout(ms: number): unknown } {
  return isObject(value) && typeof value.timeout === 'number' && typeof value.setTimeout === 'function'
}
