import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { authenticate } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { acceptWith } from './request-options.ts'

/** A fetch-style handler; the arguments after the request are the host's own (env, context). */
export type FetchHandler<Rest extends unknown[] = unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** What the fetch-style wrapper takes besides the tracker's options. */
export type FetchHandlerOptions = HandlerOptions<Request>

/** One request of a fetch-style host, and how the host serves it. */
export interface FetchRequestInfo<Source> {
  readonly incoming: Request
  /** The argument of the user's functions; the tracked request is attached to it. */
  readonly source: Source & object
  /** The pattern of the route; by default the URL. */
  readonly path?: string | undefined
  readonly serve: () => Response | Promise<Response>
  /** The error that the host itself answered, if any. */
  readonly fault?: () => ThrownValue | undefined
}

/**
 * Tracks one request of a fetch-style handler until the body of its response has ended, was cancelled, or failed.
 *
 * An error of the handler is passed on to the host, which answers it as usual.
 */
export function handleFetch<Rest extends unknown[]>(
  core: RequestCore,
  handler: FetchHandler<Rest>,
  options: FetchHandlerOptions,
  incoming: Request,
  ...rest: Rest
): Promise<Response> {
  return trackFetch(core, options, { incoming, source: incoming, serve: () => handler(incoming, ...rest) })
}

/** {@link handleFetch} for hosts that know more about a request. */
export async function trackFetch<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): Promise<Response> {
  const { incoming, source, path = incoming.url, serve, fault } = info
  const request = acceptWith(core, options, incoming.headers, { method: incoming.method, path, source })
  attachRequest(incoming, request)
  attachRequest(source, request)
  let status: number | undefined
  const onAbort = (): void => request.finish({ outcome: 'aborted', status })
  incoming.signal.addEventListener('abort', onAbort, { once: true })
  // A signal that was aborted before emits no event.
  if (incoming.signal.aborted) onAbort()
  const settle = (end: RequestEnd): void => {
    incoming.signal.removeEventListener('abort', onAbort)
    request.finish(end)
  }
  try {
    const allowed = await authenticate(core, request, source, options)
    const response = allowed ? await request.run(serve) : new Response('Unauthorized\n', { status: 401 })
    status = response.status
    return withTraceHeader(request, incoming, response, endFromStatus(request, status, fault?.()), settle)
  } catch (error) {
    // The client has left and the request has ended: record the error as a note; the outcome stays.
    if (request.ended) request.emitNote('note', 'FAIL', { error })
    settle({ outcome: 'error', status: 500, error })
    throw error
  }
}

/** The response with the trace id as a header, and with a body whose end finishes the request. */
function withTraceHeader(
  request: TrackedRequest,
  incoming: Request,
  response: Response,
  end: RequestEnd,
  settle: (end: RequestEnd) => void,
): Response {
  const { status, statusText } = response
  // A response of 101 and Response.error() cannot be constructed: they are passed on as they are.
  if (status < 200) {
    settle(end)
    return response
  }
  const headers = new Headers(response.headers)
  for (const name of request.core.settings.idHeaders.echo) headers.set(name, request.traceId)
  // The body of an answer to HEAD is never read.
  const { body } = response
  if (body === null || incoming.method === 'HEAD') {
    settle(end)
    return new Response(body, { status, statusText, headers })
  }
  return new Response(observeBody(body, status, end, settle), { status, statusText, headers })
}

/** A stream that passes every chunk on unchanged, and reports how it ended. */
function observeBody(
  body: ReadableStream<Uint8Array>,
  status: number,
  end: RequestEnd,
  settle: (end: RequestEnd) => void,
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
          settle(end)
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
