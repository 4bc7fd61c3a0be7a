import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticateThen, type AuthOptions } from './authenticate.ts'
import { trackNodeRequest } from './node-request.ts'
import { runHandler } from '../tracking/promises.ts'
import type { Tracker } from './tracker.ts'

/** A handler of node:http, or of node:http2 by its compatible request and response. */
export type NodeHandler<Req = IncomingMessage, Res = ServerResponse> = (req: Req, res: Res) => unknown

/** What the (req, res) wrapper takes besides the tracker's options. */
export type NodeHandlerOptions<Req = IncomingMessage> = AuthOptions<Req>

/**
 * Tracks one exchange of node:http, and runs the handler in it.
 *
 * A handler that throws or rejects before its answer is out is answered for with a 500: bare node:http would let
 * the whole process, and every other request in it, die of it.
 */
export function handleNode(
  tracker: Tracker,
  handler: NodeHandler,
  options: NodeHandlerOptions,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const { request, handlerFailed } = trackNodeRequest(tracker, req, res, { source: req })
  const onError = (error: unknown): void => {
    handlerFailed(error)
    answer(res, 500, 'Internal Server Error')
  }
  const serve = (): void => runHandler(() => handler(req, res), { onError })
  // What onInvalid: 'throw' throws while authenticating fails the request, as in a handler.
  authenticateThen(request, req, options, { serve, reject: () => answer(res, 401, 'Unauthorized'), onError })
}

/** Answers in the host's place, as far as there is still something to answer. */
function answer(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent) {
    // Half an answer is out: only a broken connection tells the client that the rest will not come.
    if (!res.writableEnded) res.destroy()
    return
  }
  res.statusCode = status
  for (const name of res.getHeaderNames())
    if (name.startsWith('content-') || name === 'transfer-encoding') res.removeHeader(name)
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`${text}\n`)
}
