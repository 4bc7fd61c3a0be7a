import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The members of node's response that are touched: those of node:http and of node:http2's compatible one. */
export type ResponseLike = Pick<ServerResponse, 'on' | 'writableEnded' | 'headersSent' | 'statusCode' | 'socket'> & {
  readonly req?: { readonly socket?: Socket | null }
}

/**
 * Tells once how a response ended: `'finished'` when all of it is handed to the operating system,
 * `'aborted'` when the connection closed before that.
 *
 * Node emits `close` after `finish`, and `close` alone where the client left; over HTTP/2 also `finish` for a
 * stream that was cancelled, so `writableEnded` has to confirm it. Socket and request events are not asked: with
 * keep-alive they tell of other requests too. But a response that waits behind another one on its connection has no
 * socket yet, and before Node 24 nothing tells it that the client has left: there the connection itself is asked.
 */
export function onResponseEnd(response: ResponseLike, ended: (how: 'finished' | 'aborted') => void): void {
  let open = true
  const settle = (how: 'finished' | 'aborted'): void => {
    if (!open) return
    open = false
    stopWaiting?.()
    ended(how)
  }
  const connection = response.socket === null ? response.req?.socket : undefined
  const stopWaiting = connection ? onceClosed(connection, () => settle('aborted')) : undefined
  // The listeners stay: they go with the response, and to remove them would cost as much as to add them.
  response.on('finish', () => settle(response.writableEnded ? 'finished' : 'aborted'))
  response.on('close', () => settle('aborted'))
}

/** Who waits for a connection to close: one listener serves all, however many requests a client sends ahead. */
const waiting = new WeakMap<Socket, Set<() => void>>()

/** @returns stops waiting */
function onceClosed(socket: Socket, part: () => void): () => void {
  let parts = waiting.get(socket)
  if (parts === undefined) {
    const all = new Set<() => void>()
    waiting.set(socket, (parts = all))
    socket.once('close', () => {
      for (const each of all) each()
    })
  }
  parts.add(part)
  return () => void parts.delete(part)
}
