import { HEADERS } from '../trace/carrier.ts'
import { authenticate, type AuthOptions } from './authenticate.ts'
import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus, endWithResponse, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { Tracker } from './tracker.ts'

/** A handler in the manner of fetch; what comes after the request is the host's own (env, context). */
export type FetchHandler<Rest extends unknown[] = unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** What the fetch-style wrapper takes besides the tracker's options. */
export type FetchHandlerOptions = AuthOptions<Request>

/** One request of a host in the manner of fetch, and how the host serves it. */
export interface FetchRequestInfo<Source> {
  readonly incoming: Request
  /** What `authenticate` and `trustIncoming` are given; the request hangs on it. */
  readonly source: Source & object
  /** The pattern of the route; by default the URL. */
  readonly path?: string | undefined
  readonly serve: () => Response | Promise<Response>
  /** The error that the host answered for, where it did so itself. */
  readonly fault?: () => ThrownValue | undefined
}

/**
 * Tracks one request of a fetch-style handler until the body of its response has ended, was cancelled, or failed.
 *
 * What the handler throws is passed on to the host, which answers as it always did.
 */
export function handleFetch<Rest extends unknown[]>(
  tracker: Tracker,
  handler: FetchHandler<Rest>,
  options: FetchHandlerOptions,
  incoming: Request,
  ...rest: Rest
): Promise<Response> {
  return trackFetch(tracker, options, { incoming, source: incoming, serve: () => handler(incoming, ...rest) })
}

/** {@link handleFetch} for hosts that know more of a request. */
export async function trackFetch<Source>(
  tracker: Tracker,
  options: AuthOptions<Source>,
  exchange: FetchRequestInfo<Source>,
): Promise<Response> {
  const { incoming, source, path = incoming.url, serve, fault } = exchange
  const request = tracker.acceptRequest(incoming.headers, { method: incoming.method, path, source })
  attachRequest(incoming, request)
  attachRequest(source, request)
  const end = (how: RequestEnd): void => endWithResponse(request, tracker.core.settings.table, how)
  let status: number | undefined
  const left = (): void => end({ outcome: 'aborted', status })
  incoming.signal.addEventListener('abort', left, { once: true })
  // A signal that fired beforehand fires no more.
  if (incoming.signal.aborted) left()
  const settle = (how: RequestEnd): void => {
    incoming.signal.removeEventListener('abort', left)
    end(how)
  }
  try {
    const allowed = await authenticate(request, source, options)
    const response = allowed ? await request.run(serve) : new Response('Unauthorized\n', { status: 401 })
    status = response.status
    return withTraceHeader(request, incoming, response, endFromStatus(request, status, fault?.()), settle)
  } catch (error) {
    // The client has left and the request has ended: what follows it changes no outcome, but is not lost.
    if (request.ended) request.emitNote('note', 'FAIL', { error })
    settle({ outcome: 'error', status: 500, error })
    throw error
  }
}

/** The same response with the trace id in its head, and an eye on its body, whose end is the request's. */
function withTraceHeader(
  request: TrackedRequest,
  incoming: Request,
  response: Response,
  ending: RequestEnd,
  settle: (how: RequestEnd) => void,
): Response {
  const { status, statusText } = response
  // A switch of protocols and Response.error() cannot be made anew: they are passed on as they are.
  if (status < 200) {
    settle(ending)
    return response
  }
  const headers = new Headers(response.headers)
  headers.set(HEADERS.traceId, request.traceId)
  // Nobody reads the body of an answer to HEAD.
  const { body } = response
  if (body === null || incoming.method === 'HEAD') {
    settle(ending)
    return new Response(body, { status, statusText, headers })
  }
  return new Response(observeBody(body, status, ending, settle), { status, statusText, headers })
}

/** A stream that passes every chunk on as it came, and tells how it ended. */
function observeBody(
  body: ReadableStream<Uint8Array>,
  status: number,
  ending: RequestEnd,
  settle: (how: RequestEnd) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            controller.enqueue(value)
            return
          }
          settle(ending)
          controller.close()
        } catch (error) {
          settle({ outcome: 'error', status, error })
          controller.error(error)
        }
      },
      cancel(reason) {
        settle({ outcome: 'aborted', status })
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
