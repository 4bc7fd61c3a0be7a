import type { IncomingMessage, ServerResponse } from 'node:http'
import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { failureOf, onResponseEnd, type ResponseLike } from './node-response.ts'
import { acceptWith, type RequestOptions } from './request-options.ts'

/** The members of Node's request that are used: those of node:http and of node:http2's compatible one. */
export type RequestLike = Pick<IncomingMessage, 'headers' | 'method' | 'url'>

/** One request of node:http that is being tracked, whichever framework answers it. */
export interface NodeRequestTracking {
  readonly request: TrackedRequest
  /** The handler threw; the caller takes care of the answer. */
  readonly handlerFailed: (error: unknown) => void
  /** The connection was upgraded to another protocol, whose end is not the request's. */
  readonly upgraded: () => void
}

/** What a host knows about a request beyond Node. */
export interface NodeRequestInfo<Source> {
  /** The pattern of the route; by default the URL. */
  readonly path?: string | undefined
  /** The argument of the user's functions. */
  readonly source: Source
}

/**
 * Tracks one request of node:http until the end of its response, which alone ends it.
 *
 * The trace id is sent back as a header, and the tracked request is attached to `req`.
 */
export function trackNodeRequest<Source>(
  core: RequestCore,
  options: RequestOptions<Source>,
  req: RequestLike,
  res: ResponseLike & Pick<ServerResponse, 'setHeader'>,
  { path = req.url, source }: NodeRequestInfo<Source>,
): NodeRequestTracking {
  const request = acceptWith(core, options, req.headers, { method: req.method, path, source })
  let thrown: ThrownValue | undefined
  attachRequest(req, request)
  // A host may have sent the headers already: an interim answer, or a framework that ran before.
  if (!res.headersSent) for (const name of core.settings.idHeaders.echo) res.setHeader(name, request.traceId)
  onResponseEnd(res, (how) => request.finish(endOf(request, res, how, thrown)))
  return {
    request,
    handlerFailed: (error) => {
      // The response has finished. Record the error as a note; the outcome stays.
      if (request.ended) request.emitNote('note', 'FAIL', { error })
      else thrown = { error }
    },
    upgraded: () => request.finish({ outcome: 'ok', status: 101 }),
  }
}

/** How a request of node:http ended: the one place where that is decided, from the response. */
function endOf(
  request: TrackedRequest,
  res: ResponseLike,
  how: 'finished' | 'aborted',
  thrown: ThrownValue | undefined,
): RequestEnd {
  const status = res.headersSent ? res.statusCode : undefined
  if (how === 'finished') return endFromStatus(request, status, thrown)
  const error = thrown === undefined ? failureOf(res) : thrown.error
  return thrown === undefined && error === undefined
    ? { outcome: 'aborted', status }
    : { outcome: 'error', status, error }
}
