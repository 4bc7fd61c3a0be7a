import { isRequestId, isTraceId } from '../../trace/trace-id.ts'
import { parseTraceparent } from '../../trace/traceparent.ts'

/** Longer text of others is cut: a story is to be read. */
const MAX_MESSAGE_LENGTH = 2_000
const MAX_NAME_LENGTH = 64

/** As Google Cloud wants it. */
const IN_PROJECT = /^projects\/[^/]+\/traces\/([0-9a-f]{32})$/i
/** What stands where there is no trace. */
const NOBODY = /^[0-]{2,}$/
const MAX_ID_LENGTH = 512

/** The trace id in what was logged as one: itself, or the 128 bits within a traceparent or the name of a resource. */
export function traceIdIn(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_ID_LENGTH) return undefined
  const traceId = parseTraceparent(value.toLowerCase())?.traceId ?? IN_PROJECT.exec(value)?.[1] ?? value
  return isTraceId(traceId) && !NOBODY.test(traceId) ? traceId : undefined
}

/** A request id of ours, or a span id that may be one. */
export function requestIdIn(value: unknown): string | undefined {
  const id = typeof value === 'string' ? value.toLowerCase() : undefined
  return isRequestId(id) ? id : undefined
}

/** A level as it was logged: a number or a name. */
export function levelIn(value: unknown): number | string | undefined {
  return typeof value === 'number' ? value : nameIn(value)
}

/** A short text that is not empty. */
export function nameIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value, MAX_NAME_LENGTH) : undefined
}

/** A message that is not empty. */
export function messageIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? cut(value, MAX_MESSAGE_LENGTH) : undefined
}

/** Marked where it was cut; never in the middle of a character. */
function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}...`
}
