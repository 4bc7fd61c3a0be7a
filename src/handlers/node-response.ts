import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { http2StreamOf, watchStream } from './http2-stream.ts'
import type { ResponseObserver } from './response-end.ts'
import { withIdHeaders } from './response-headers.ts'

/** The members of Node's response that are used: those of node:http and of node:http2's compatible one. */
export type ResponseLike = Pick<
  ServerResponse,
  'on' | 'emit' | 'writeHead' | 'setHeader' | 'destroy' | 'headersSent' | 'statusCode' | 'socket' | 'getHeaderNames'
> & {
  readonly req?: { readonly socket?: Socket | null }
}

/**
 * Adds the trace id to the head of a response, and reports how it ended.
 *
 * The id is added in `writeHead`, which Node calls for every response: set earlier, it would change how Node treats the
 * headers that a handler passes to it, and frameworks that clear the headers of an error would remove it.
 *
 * Node emits `close` after `finish`, and `close` alone where the client left. Socket and request events are not used:
 * with keep-alive they are also about other requests. The exception is a pipelined response that waits behind another
 * one: it has no socket yet, and before Node 24 it gets no event when the client leaves, so the connection itself is
 * observed.
 */
export function watchResponse(res: ResponseLike, observer: ResponseObserver): void {
  const stream = http2StreamOf(res)
  if (stream === undefined) new WatchedResponse(res, observer).start()
  else watchStream(stream, observer)
}

/** Whether the connection of a response is closed. */
export function isClosed(res: Pick<ResponseLike, 'socket' | 'req'>): boolean {
  return (res.socket ?? res.req?.socket)?.destroyed === true
}

const WATCHED = Symbol('throughline.watched')

/** A response of node:http. Functions that all responses share keep a request small: this is one object. */
class WatchedResponse {
  readonly #res: ResponseLike
  readonly #observer: ResponseObserver
  readonly #writeHead: AnyMethod
  readonly #destroy: AnyMethod
  #open = true
  #isHeadLost = false
  #broken: { readonly error: unknown } | undefined
  #stopWaiting: (() => void) | undefined

  constructor(res: ResponseLike, observer: ResponseObserver) {
    this.#res = res
    this.#observer = observer
    this.#writeHead = res.writeHead as AnyMethod
    this.#destroy = res.destroy as AnyMethod
  }

  start(): void {
    const res = this.#res
    // Plain assignments, which are quick. The methods are called as those that they replace.
    const replaced = res as unknown as { [WATCHED]: WatchedResponse; destroy: unknown; writeHead: unknown }
    replaced[WATCHED] = this
    replaced.destroy = destroy
    // A host may have sent the headers already: an interim answer, or a framework that ran before.
    if (!res.headersSent) replaced.writeHead = writeHead
    const connection = res.socket === null ? res.req?.socket : undefined
    if (connection) this.#stopWaiting = onceClosed(connection, () => this.settle(false))
    // The listeners are not removed: they are collected with the response, and removing costs as much as adding.
    res.on('finish', onFinish)
    res.on('close', onClose)
  }

  writeHead(args: readonly unknown[]): unknown {
    const { idNames, traceId } = this.#observer
    this.#isHeadLost = isClosed(this.#res)
    let sent = args
    try {
      sent = withIdHeaders(this.#res, args, idNames, traceId)
    } catch (error) {
      this.#observer.report(error)
    }
    return Reflect.apply(this.#writeHead, this.#res, sent)
  }

  destroy(args: readonly unknown[]): unknown {
    // Where the client has left, destroying the response only cleans up.
    if (!isClosed(this.#res)) this.#broken ??= { error: args[0] }
    return Reflect.apply(this.#destroy, this.#res, args)
  }

  settle(finished: boolean): void {
    if (!this.#open) return
    this.#open = false
    this.#stopWaiting?.()
    const broken = this.#broken
    this.#observer.responseEnded({
      how: finished ? 'finished' : broken === undefined ? 'aborted' : 'broken',
      status: this.#res.headersSent && !this.#isHeadLost ? this.#res.statusCode : undefined,
      error: broken?.error,
    })
  }
}

type AnyMethod = (...args: readonly unknown[]) => unknown

/** A response that is watched. */
interface Watched {
  readonly [WATCHED]: WatchedResponse
}

function writeHead(this: Watched, ...args: readonly unknown[]): unknown {
  return this[WATCHED].writeHead(args)
}

function destroy(this: Watched, ...args: readonly unknown[]): unknown {
  return this[WATCHED].destroy(args)
}

function onFinish(this: unknown): void {
  // Only watched responses have this listener.
  ;(this as Watched)[WATCHED].settle(true)
}

function onClose(this: unknown): void {
  ;(this as Watched)[WATCHED].settle(false)
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
