import type { IncomingMessage, ServerResponse } from 'node:http'
import { HEADERS } from '../trace/carrier.ts'
import { authenticate, type AuthOptions } from './authenticate.ts'
import { hangOn } from './context.ts'
import { endWithResponse, type End } from './ending.ts'
import { onResponseEnd, type ResponseLike } from './node-response.ts'
import { isThenable } from './thenable.ts'
import type { TrackedRequest } from './tracked-request.ts'
import type { Tracker } from './tracker.ts'

/** A handler of node:http. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => unknown

/** What the (req, res) wrapper takes besides the tracker's options. */
export type NodeHandlerOptions = AuthOptions<IncomingMessage>

/**
 * Tracks one exchange of node:http from its first line to its last, and runs the handler in between.
 *
 * A handler that throws or rejects before its answer is out is answered for with a 500: bare node:http would let
 * the whole process, and every other request in it, die of it.
 */
export function handleNode(tracker: Tracker, handler: NodeHandler, options: NodeHandlerOptions, req: IncomingMessage, res: ServerResponse): void {
  const request = tracker.receive(req.headers, { method: req.method, path: req.url, source: req })
  const fault: { error?: unknown } = {}
  hangOn(req, request)
  echo(res, request)
  onResponseEnd(res, (how) => endWithResponse(request, tracker.core.settings.table, endOf(request, res, how, fault)))
  const fail = (error: unknown): void => {
    fault.error = error
    // The answer is out and the request has ended: what follows it changes no outcome, but is not lost.
    if (request.ended) request.tell('note', 'FAIL', { error })
    answer(res, 500, 'Internal Server Error')
  }
  const serve = (): void => {
    try {
      const result = handler(req, res)
      if (isThenable(result)) result.then(undefined, fail)
    } catch (error) {
      fail(error)
    }
  }
  if (options.authenticate === undefined) {
    void authenticate(request, req, options)
    request.run(serve)
    return
  }
  const decide = (allowed: boolean): void => {
    if (allowed) request.run(serve)
    else answer(res, 401, 'Unauthorized')
  }
  request.run(() => {
    const allowed = authenticate(request, req, options)
    // What onInvalid: 'throw' throws while authenticating fails the request, as in a handler.
    if (typeof allowed === 'boolean') decide(allowed)
    else allowed.then(decide).catch(fail)
  })
}

/** Sends the trace id back to the caller, unless the head of the response is out already. */
export function echo(res: Pick<ServerResponse, 'headersSent' | 'setHeader'>, request: TrackedRequest): void {
  if (!res.headersSent) res.setHeader(HEADERS.traceId, request.traceId)
}

/** How an exchange ended, read off its response: the one place where that is decided. */
export function endOf(request: TrackedRequest, res: ResponseLike, how: 'finished' | 'aborted', fault: { error?: unknown }): End {
  const status = res.headersSent ? res.statusCode : undefined
  if ('error' in fault) return { outcome: 'error', status, error: fault.error }
  if (how === 'aborted') return { outcome: 'aborted', status }
  const refused = (status === 401 || status === 403) && request.accepts('AUTH_ERROR')
  return { outcome: refused ? 'denied' : status !== undefined && status >= 500 ? 'error' : 'ok', status }
}

function answer(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent) {
    // Half an answer is out: only a broken connection tells the client that the rest will not come.
    if (!res.writableEnded) res.destroy()
    return
  }
  res.statusCode = status
  for (const name of res.getHeaderNames()) if (name.startsWith('content-') || name === 'transfer-encoding') res.removeHeader(name)
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`${text}\n`)
}
