import type { ServerResponse } from 'node:http'

/** The members of node's response that are touched: those of node:http and of node:http2's compatible one. */
export type ResponseLike = Pick<ServerResponse, 'on' | 'removeListener' | 'writableEnded' | 'headersSent' | 'statusCode' | 'destroyed'>

/**
 * Tells once how a response ended: `'finished'` when all of it is handed to the operating system,
 * `'aborted'` when the connection closed before that.
 *
 * Node emits `close` after `finish`, and `close` alone where the client left; over HTTP/2 also `finish` for a
 * stream that was cancelled, so `writableEnded` has to confirm it. Socket and request events are not asked: with
 * keep-alive they tell of other requests too.
 */
export function onResponseEnd(response: ResponseLike, ended: (how: 'finished' | 'aborted') => void): void {
  const settle = (how: 'finished' | 'aborted'): void => {
    response.removeListener('finish', finish)
    response.removeListener('close', close)
    ended(how)
  }
  const finish = (): void => settle(response.writableEnded ? 'finished' : 'aborted')
  const close = (): void => settle('aborted')
  response.on('finish', finish)
  response.on('close', close)
}
