import { isRequestId, isTraceId } from '../../trace/trace-id.ts'
import { parseTraceparent } from '../../trace/traceparent.ts'

/** Characters of a message; longer ones are cut to keep a story readable. */
const MAX_MESSAGE_LENGTH = 2_000
const MAX_NAME_LENGTH = 64

/** The resource name that Google Cloud logs as the trace. */
const GOOGLE_CLOUD_TRACE = /^projects\/[^/]+\/traces\/([0-9a-f]{32})$/i
/** The placeholders of loggers for "no trace". */
const EMPTY_ID = /^[0-]{2,}$/
const MAX_ID_LENGTH = 512

/** The trace id in a logged value: the value itself, or the 128 bits in a traceparent or a Google Cloud resource. */
export function readTraceId(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_ID_LENGTH) return undefined
  const traceId = parseTraceparent(value.toLowerCase())?.traceId ?? GOOGLE_CLOUD_TRACE.exec(value)?.[1] ?? value
  return isTraceId(traceId) && !EMPTY_ID.test(traceId) ? traceId : undefined
}

/** A request id, or a span id of the same form. */
export function readRequestId(value: unknown): string | undefined {
  const id = typeof value === 'string' ? value.toLowerCase() : undefined
  return isRequestId(id) ? id : undefined
}

/** A level as logged: a number or a name. */
export function readLevel(value: unknown): number | string | undefined {
  return typeof value === 'number' ? value : readName(value)
}

/** A short string that is not empty. */
export function readName(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? truncate(value, MAX_NAME_LENGTH) : undefined
}

/** A message that is not empty. */
export function readMessage(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? truncate(value, MAX_MESSAGE_LENGTH) : undefined
}

/** Marks the cut with `...` and never splits a surrogate pair. */
function truncate(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '')}...`
}
