import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestCore } from '../tracking/intake.ts'
import { authenticateThen } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { trackNodeRequest } from './node-request.ts'
import { runHandler } from './run-handler.ts'

/**
 * A handler of node:http, or of node:http2 with its compatible request and response. As a middleware of Connect it also
 * gets `next`.
 */
export type NodeHandler<
  Req = IncomingMessage,
  Res = ServerResponse,
  Rest extends readonly unknown[] = readonly unknown[],
> = (req: Req, res: Res, ...rest: Rest) => unknown

/** What the (req, res) wrapper takes besides the tracker's options. */
export type NodeHandlerOptions<Req = IncomingMessage> = HandlerOptions<Req>

/**
 * Tracks one request of node:http, and runs the handler in its context.
 *
 * An error of the handler is passed to `next`, if there is one. Without, a handler that throws or rejects before it
 * answers is answered with a 500; otherwise node:http would crash the process.
 */
export function handleNode(
  core: RequestCore,
  handler: NodeHandler,
  options: NodeHandlerOptions,
  req: IncomingMessage,
  res: ServerResponse,
  ...rest: readonly unknown[]
): void {
  const tracking = trackNodeRequest(core, options, req, res, { source: req })
  const [next] = rest
  const onError = (error: unknown): void => {
    tracking?.handlerFailed(error)
    if (isFunction(next)) next(error)
    else answer(res, 500, 'Internal Server Error')
  }
  const serve = (): void => runHandler(() => handler(req, res, ...rest), { onError })
  const reject = (): void => answer(res, 401, 'Unauthorized')
  // An error that onInvalid: 'throw' raises during authentication fails the request, as in a handler.
  authenticateThen(core, tracking?.request, req, options, { serve, reject, onError })
}

/** The `next` of Connect. */
function isFunction(value: unknown): value is (error: unknown) => void {
  return typeof value === 'function'
}

/** Answers instead of the handler, as far as the response is still open. */
function answer(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent) {
    // Part of the answer was sent: only a broken connection tells the client that the rest will not come.
    if (!res.writableEnded) res.destroy()
    return
  }
  res.statusCode = status
  for (const name of res.getHeaderNames())
    if (name.startsWith('content-') || name === 'transfer-encoding') res.removeHeader(name)
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`${text}\n`)
}
