import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The members of Node's response that are used: those of node:http and of node:http2's compatible one. */
export type ResponseLike = Pick<ServerResponse, 'on' | 'writableEnded' | 'headersSent' | 'statusCode' | 'socket'> & {
  readonly req?: { readonly socket?: Socket | null }
  /** The error that it was destroyed with; over HTTP/2 its stream has it. */
  readonly errored?: Error | null
  readonly stream?: { readonly errored?: Error | null }
}

/**
 * Reports once how a response ended: `'finished'` when all of it was passed to the operating system, `'aborted'` when
 * the connection closed before that.
 *
 * Node emits `close` after `finish`, and `close` alone where the client left. Over HTTP/2 it also emits `finish` for a
 * cancelled stream, so `writableEnded` has to confirm it. Socket and request events are not used: with keep-alive they
 * are also about other requests. The exception is a pipelined response that waits behind another one: it has no socket
 * yet, and before Node 24 it gets no event when the client leaves, so the connection itself is observed.
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
  // The listeners are not removed: they are collected with the response, and removing costs as much as adding.
  response.on('finish', () => settle(response.writableEnded ? 'finished' : 'aborted'))
  response.on('close', () => settle('aborted'))
}

/** The callbacks of each connection: one listener serves all requests that a client pipelines. */
const closeCallbacks = new WeakMap<Socket, Set<() => void>>()

/** @returns a function that removes the callback */
function onceClosed(socket: Socket, callback: () => void): () => void {
  let callbacks = closeCallbacks.get(socket)
  if (callbacks === undefined) {
    const all = new Set<() => void>()
    closeCallbacks.set(socket, (callbacks = all))
    socket.once('close', () => {
      for (const each of all) each()
    })
  }
  callbacks.add(callback)
  return () => void callbacks.delete(callback)
}

/** The error that the host or the handler destroyed a response with, if any: that of the stream it was sending. */
export function failureOf({ errored, stream }: ResponseLike): Error | undefined {
  const error = errored ?? stream?.errored ?? undefined
  // A client that cancels its stream of HTTP/2 with a code is no failure of ours.
  return error !== undefined && 'code' in error && error.code === 'ERR_HTTP2_STREAM_ERROR' ? undefined : error
}
