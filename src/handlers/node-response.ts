import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { http2StreamOf, watchStream } from './http2-stream.ts'
import type { ResponseWatch } from './response-end.ts'
import { withHeaders } from './response-headers.ts'

/** The members of Node's response that are used: those of node:http and of node:http2's compatible one. */
export type ResponseLike = Pick<
  ServerResponse,
  'on' | 'writeHead' | 'setHeader' | 'destroy' | 'headersSent' | 'statusCode' | 'socket' | 'getHeaderNames'
> & {
  readonly req?: { readonly socket?: Socket | null }
}

/**
 * Adds headers to a response, and reports how it ended.
 *
 * The headers are added in `writeHead`, which Node calls for every response: set earlier, they would change how Node
 * treats the headers that a handler passes to it, and frameworks that clear the headers of an error would remove them.
 *
 * Node emits `close` after `finish`, and `close` alone where the client left. Socket and request events are not used:
 * with keep-alive they are also about other requests. The exception is a pipelined response that waits behind another
 * one: it has no socket yet, and before Node 24 it gets no event when the client leaves, so the connection itself is
 * observed.
 */
export function watchResponse(res: ResponseLike, watch: ResponseWatch): void {
  const stream = http2StreamOf(res)
  if (stream !== undefined) {
    watchStream(stream, watch)
    return
  }
  const { headers, ended, report } = watch
  let open = true
  let isHeadLost = false
  let broken: { readonly error: unknown } | undefined
  const settle = (finished: boolean): void => {
    if (!open) return
    open = false
    stopWaiting?.()
    const status = res.headersSent && !isHeadLost ? res.statusCode : undefined
    ended({ how: finished ? 'finished' : broken === undefined ? 'aborted' : 'broken', status, ...broken })
  }
  const { writeHead, destroy } = res
  // A host may have sent the headers already: an interim answer, or a framework that ran before.
  if (!res.headersSent)
    res.writeHead = (...args: readonly unknown[]) => {
      isHeadLost = isClosed(res)
      let sent = args
      try {
        sent = withHeaders(res, args, headers)
      } catch (error) {
        report(error)
      }
      return Reflect.apply(writeHead, res, sent) as ReturnType<typeof writeHead>
    }
  res.destroy = (error) => {
    // Where the client has left, destroying the response only cleans up.
    if (!isClosed(res)) broken ??= { error }
    return Reflect.apply(destroy, res, [error]) as ReturnType<typeof destroy>
  }
  const connection = res.socket === null ? res.req?.socket : undefined
  const stopWaiting = connection ? onceClosed(connection, () => settle(false)) : undefined
  // The listeners are not removed: they are collected with the response, and removing costs as much as adding.
  res.on('finish', () => settle(true))
  res.on('close', () => settle(false))
}

/** Whether the connection of a response is closed. */
export function isClosed(res: Pick<ResponseLike, 'socket' | 'req'>): boolean {
  return (res.socket ?? res.req?.socket)?.destroyed === true
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
