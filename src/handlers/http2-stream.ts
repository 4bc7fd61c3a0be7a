import { constants, type ServerHttp2Stream } from 'node:http2'
import type { ResponseEnd, ResponseObserver } from './response-end.ts'
import { withId } from './response-headers.ts'

/** Whether a value is the server's side of an HTTP/2 stream. */
export function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return typeof value === 'object' && value !== null && 'pushStream' in value && 'respond' in value
}

/** The stream of a response of node:http2's compatibility API. */
export function http2StreamOf(res: object): ServerHttp2Stream | undefined {
  return 'stream' in res && isHttp2Stream(res.stream) ? res.stream : undefined
}

/** The methods that send the head of a response, and the position of their headers. */
const RESPOND = { respond: 0, respondWithFD: 1, respondWithFile: 1 } as const

/**
 * Adds the trace id to the response of a stream, and reports how it ended. The compatibility API responds through its
 * stream, and a handler may do so itself, for example with `respondWithFile`.
 */
export function watchStream(stream: ServerHttp2Stream, observer: ResponseObserver): void {
  for (const [name, at] of Object.entries(RESPOND)) addId(stream, name, at, observer)
  let open = true
  const settle = (end: ResponseEnd): void => {
    if (!open) return
    open = false
    observer.responseEnded(end)
  }
  const status = (): number | undefined => (stream.headersSent ? Number(stream.sentHeaders[':status']) : undefined)
  stream.on('finish', () => {
    // A cancelled stream finishes, too.
    if (isComplete(stream)) settle({ how: 'finished', status: status() })
  })
  stream.on('close', () => {
    const error = ownError(stream)
    if (error !== undefined) settle({ how: 'broken', status: status(), error })
    else settle({ how: stream.headersSent && isComplete(stream) ? 'finished' : 'aborted', status: status() })
  })
}

function isComplete({ aborted, rstCode }: ServerHttp2Stream): boolean {
  return !aborted && rstCode === constants.NGHTTP2_NO_ERROR
}

/** The error with which the server itself destroyed the stream; those of Node say what the client did. */
function ownError({ errored }: ServerHttp2Stream): Error | undefined {
  if (errored === null) return undefined
  return 'code' in errored && String(errored.code).startsWith('ERR_HTTP2_') ? undefined : errored
}

function addId(stream: ServerHttp2Stream, name: string, at: number, observer: ResponseObserver): void {
  const original: unknown = Reflect.get(stream, name)
  if (typeof original !== 'function') return
  Reflect.set(stream, name, (...args: readonly unknown[]): unknown => {
    let sent = args
    try {
      const given = args[at]
      const headers = withId(
        typeof given === 'object' && given !== null ? given : {},
        observer.idNames,
        observer.traceId,
      )
      sent = [...args.slice(0, at), headers, ...args.slice(at + 1)]
    } catch (error) {
      observer.report(error)
    }
    const result: unknown = Reflect.apply(original, stream, sent)
    return result
  })
}
