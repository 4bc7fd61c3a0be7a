import { isRecord } from '../_send.ts'

/**
 * Has the idle timer of a pooled socket run for the request that was given the socket.
 *
 * node leaves the agent's `timeout` armed by the request before: listeners of `timeout`, and of the `error` that follows,
 * would find that one in hand. Armed anew, when the socket is assigned and all is about to be written, it takes as long.
 */
export function rearmSocketTimeout(outgoing: unknown): void {
  if (isEmitter(outgoing)) outgoing.once('socket', rearm)
}

function rearm(socket: unknown): void {
  if (hasTimer(socket) && socket.timeout > 0) socket.setTimeout(socket.timeout)
}

function isEmitter(value: unknown): value is { once(event: string, listener: (socket: unknown) => void): unknown } {
  return isRecord(value) && typeof value.once === 'function'
}

/** A socket of node's; that of an agent of another make may be any stream. */
function hasTimer(value: unknown): value is { readonly timeout: number; setTimeout(ms: number): unknown } {
  return isRecord(value) && typeof value.timeout === 'number' && typeof value.setTimeout === 'function'
}
