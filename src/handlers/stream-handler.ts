import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { attachRequest } from '../tracking/current-request.ts'
import type { ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { authenticateThen } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { watchStream } from './http2-stream.ts'
import { acceptWith } from './request-options.ts'
import { requestEnd } from './response-end.ts'
import { runHandler } from './run-handler.ts'

/** A handler of the `stream` event of a server of node:http2. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => unknown

/** The options of a stream's handler: their functions get the headers. */
export type StreamHandlerOptions = HandlerOptions<IncomingHttpHeaders>

/**
 * Tracks one stream of node:http2, and runs the handler in its context.
 *
 * A handler that throws or rejects before it responds is answered with a 500.
 */
export function handleStream(
  core: RequestCore,
  handler: StreamHandler,
  options: StreamHandlerOptions,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
): void {
  const { errors } = core.settings
  let thrown: ThrownValue | undefined
  const start = (): TrackedRequest => {
    const target = { method: headers[':method'], path: headers[':path'], source: headers }
    const request = acceptWith(core, options, headers, target)
    attachRequest(stream, request)
    watchStream(stream, {
      idNames: core.settings.idHeaders.echo,
      traceId: request.traceId,
      responseEnded: (end) => request.finish(() => requestEnd(request, end, thrown)),
      report: errors.report,
    })
    return request
  }
  const request = errors.run(start)
  const onError = (error: unknown): void => {
    thrown = { error }
    answer(stream, 500)
  }
  const serve = (): void => runHandler(() => handler(stream, headers, flags), { onError })
  const reject = (): void => answer(stream, 401)
  authenticateThen(core, request, headers, options, { serve, reject, onError })
}

/** Answers instead of the handler, as far as the stream is still open. */
function answer(stream: ServerHttp2Stream, status: number): void {
  if (stream.closed || stream.destroyed) return
  if (!stream.headersSent) {
    stream.respond({ ':status': status }, { endStream: true })
    return
  }
  // Part of the answer was sent: only a reset tells the client that the rest will not come. Closed with a code, a
  // stream may end as a whole one. Node reports the reset as an error, which would end the process.
  stream.on('error', () => undefined)
  stream.destroy(new Error('the handler failed'))
}
