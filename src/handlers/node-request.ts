import type { IncomingMessage, ServerResponse } from 'node:http'
import { HEADERS } from '../trace/carrier.ts'
import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus, endWithResponse, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import { onResponseEnd, type ResponseLike } from './node-response.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { Tracker } from './tracker.ts'

/** The members of node's request that are touched: those of node:http and of node:http2's compatible one. */
export type RequestLike = Pick<IncomingMessage, 'headers' | 'method' | 'url'>

/** One exchange of node:http under way, whichever framework answers it. */
export interface NodeRequestTracking {
  readonly request: TrackedRequest
  /** The handler threw; whoever calls this sees to the answer. */
  readonly handlerFailed: (error: unknown) => void
  /** The connection has gone over to another protocol, whose end is not the request's. */
  readonly upgraded: () => void
}

/** What a host knows of an exchange beyond node. */
export interface NodeRequestInfo {
  /** The pattern of the route; by default the URL as it was asked. */
  readonly path?: string | undefined
  /** What a `trustIncoming` function gets to see. */
  readonly source: unknown
}

/**
 * Tracks one exchange of node:http from its head to the end of its answer, which alone ends it.
 *
 * The trace id goes back with the head, and the request hangs on `req`.
 */
export function trackNodeRequest(
  tracker: Tracker,
  req: RequestLike,
  res: ResponseLike & Pick<ServerResponse, 'setHeader'>,
  { path = req.url, source }: NodeRequestInfo,
): NodeRequestTracking {
  const request = tracker.acceptRequest(req.headers, { method: req.method, path, source })
  let fault: ThrownValue | undefined
  const end = (how: RequestEnd): void => endWithResponse(request, tracker.core.settings.table, how)
  attachRequest(req, request)
  // A host may have sent the head already: an interim answer, or a framework that was there first.
  if (!res.headersSent) res.setHeader(HEADERS.traceId, request.traceId)
  onResponseEnd(res, (how) => end(endOf(request, res, how, fault)))
  return {
    request,
    handlerFailed: (error) => {
      // The answer is out and the request has ended: what follows it changes no outcome, but is not lost.
      if (request.ended) request.emitNote('note', 'FAIL', { error })
      else fault = { error }
    },
    upgraded: () => end({ outcome: 'ok', status: 101 }),
  }
}

/** How an exchange ended, read off its response: the one place where that is decided. */
function endOf(
  request: TrackedRequest,
  res: ResponseLike,
  how: 'finished' | 'aborted',
  fault: ThrownValue | undefined,
): RequestEnd {
  const status = res.headersSent ? res.statusCode : undefined
  if (how === 'aborted')
    return fault === undefined ? { outcome: 'aborted', status } : { outcome: 'error', status, error: fault.error }
  return endFromStatus(request, status, fault)
}
