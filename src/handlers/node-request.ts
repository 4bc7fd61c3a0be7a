import type { IncomingMessage } from 'node:http'
import { attachRequest } from '../tracking/current-request.ts'
import type { ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore, RequestIds } from '../tracking/intake.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { bindEvents } from './bind-events.ts'
import { isClosed, watchResponse, type ResponseLike } from './node-response.ts'
import { acceptWith, type RequestOptions } from './request-options.ts'
import { requestEnd, type ResponseEnd, type ResponseObserver } from './response-end.ts'

/** The members of Node's request that are used: those of node:http and of node:http2's compatible one. */
export type RequestLike = Pick<IncomingMessage, 'headers' | 'method' | 'url' | 'emit'>

/** One request of node:http that is being tracked, whichever framework answers it. */
export interface NodeRequestTracking {
  readonly request: TrackedRequest
  /** The handler threw; the caller takes care of the answer. */
  handlerFailed(error: unknown): void
  /** The connection was upgraded to another protocol, whose end is not the request's. */
  upgraded(): void
}

/** What a host knows about a request beyond Node. */
export interface NodeRequestInfo<Source> {
  /** Returns the pattern of the route, or else the URL; by default the URL. */
  readonly path?: () => string | undefined
  /** The argument of the user's functions. */
  readonly source: Source
  /** Its ids, where a line of the host's has them already. */
  readonly ids?: RequestIds | undefined
}

/** The key of the tracking on Node's request object, which a second copy of this package finds, too. */
const TRACKING = Symbol.for('throughline.tracking')

/** Only trackings are stored under this key. */
interface Trackable {
  [TRACKING]?: NodeRequestTracking
}

/** The tracking of a request of node:http, if it is tracked. */
export function trackingOf(req: object): NodeRequestTracking | undefined {
  return (req as Trackable)[TRACKING]
}

/**
 * Tracks one request of node:http until the end of its response, which alone ends it. One that is tracked already, by a
 * wrapper or a middleware around this one, stays as it is.
 *
 * The trace id is sent back as a header, and the tracked request is attached to `req`. Nothing here throws into the
 * host.
 *
 * @returns undefined if tracking failed: the request goes on without
 */
export function trackNodeRequest<Source>(
  core: RequestCore,
  options: RequestOptions<Source>,
  req: RequestLike,
  res: ResponseLike,
  info: NodeRequestInfo<Source>,
): NodeRequestTracking | undefined {
  return trackingOf(req) ?? core.settings.errors.run(() => startTracking(core, options, req, res, info))
}

function startTracking<Source>(
  core: RequestCore,
  options: RequestOptions<Source>,
  req: RequestLike,
  res: ResponseLike,
  { path, source, ids }: NodeRequestInfo<Source>,
): NodeRequestTracking {
  const { errors } = core.settings
  const pathText = (path === undefined ? undefined : errors.run(path)) ?? req.url
  const target = { method: req.method, path: pathText, source, ids }
  const tracking = new ResponseTracking(acceptWith(core, options, req.headers, target), res)
  attachRequest(req, tracking.request)
  ;(req as Trackable)[TRACKING] = tracking
  bindEvents(req, tracking.request)
  bindEvents(res, tracking.request)
  watchResponse(res, tracking)
  return tracking
}

/** One object for each request: it is the tracking for hosts, and the observer of the response. */
class ResponseTracking implements NodeRequestTracking, ResponseObserver {
  readonly request: TrackedRequest
  readonly idNames: readonly string[]
  readonly #res: ResponseLike
  #thrown: ThrownValue | undefined

  constructor(request: TrackedRequest, res: ResponseLike) {
    this.request = request
    this.idNames = request.core.settings.idHeaders.echo
    this.#res = res
  }

  get traceId(): string {
    return this.request.traceId
  }

  handlerFailed(error: unknown): void {
    const { request } = this
    // A host may report an error at each level that it passes.
    if (this.#thrown !== undefined && this.#thrown.error === error) return
    // What fails once the client has left fails because of that.
    if (!request.ended && isClosed(this.#res)) return
    this.#thrown = { error }
    // The response has finished. Record the error as a note; the outcome stays.
    if (request.ended) request.emitNote('note', 'FAIL', { error })
  }

  upgraded(): void {
    this.request.finish({ outcome: 'ok', status: 101 })
  }

  responseEnded(end: ResponseEnd): void {
    const { request } = this
    request.finish(() => requestEnd(request, end, this.#thrown))
  }

  report(error: unknown): void {
    this.request.core.settings.errors.report(error)
  }
}
