import { isRequestId } from './trace-id.ts'

/** The flag of W3C Trace Context: the caller may have recorded the trace. */
export const SAMPLED = 0x01
/** The flag of W3C Trace Context level 2: the right-most 56 bits of the trace-id are random. */
export const RANDOM = 0x02

/** What a traceparent header says. */
export interface Traceparent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero: the caller's request. */
  readonly parentId: string
  /** One byte; only {@link SAMPLED} and {@link RANDOM} have a meaning. */
  readonly flags: number
}

// A comma can only be where a header that was sent twice has been joined.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$/

/**
 * Reads a traceparent header, of version 00 or of a higher one whose first four fields are the same.
 *
 * @see https://www.w3.org/TR/trace-context-2/#traceparent-header
 * @returns undefined where the header must be ignored
 */
export function parseTraceparent(value: string): Traceparent | undefined {
  const match = TRACEPARENT.exec(trimmed(value))
  if (match === null) return undefined
  const [, version, traceId = '', parentId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || !isRequestId(parentId)) return undefined
  return { traceId, parentId, flags: Number.parseInt(flags, 16) }
}

/** Writes a traceparent header of version 00; bits without a meaning in that version are sent as zero. */
export function formatTraceparent({ traceId, parentId, flags }: Traceparent): string {
  return `00-${traceId}-${parentId}-0${String(flags & (SAMPLED | RANDOM))}`
}

const KEY = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MAX_MEMBERS = 32
/** Members and empty places between commas, of which a header may have any number: more are not even looked at. */
const MAX_PARTS = 1_024

/**
 * Reads a tracestate header, to be passed on in the same order.
 *
 * @see https://www.w3.org/TR/trace-context-2/#tracestate-header
 * @returns undefined where it is empty, or where one illegal member or more than 32 of them spoil it all
 */
export function parseTracestate(value: string): string | undefined {
  const places = value.split(',', MAX_PARTS + 1)
  const members = places.map(trimmed).filter((member) => member !== '')
  if (members.length === 0 || members.length > MAX_MEMBERS || places.length > MAX_PARTS) return undefined
  return members.every(isMember) ? members.join(',') : undefined
}

function isMember(member: string): boolean {
  const at = member.indexOf('=')
  return at > 0 && KEY.test(member.slice(0, at)) && VALUE.test(member.slice(at + 1))
}

/** Without the optional white space (blank and tab) that HTTP allows around a value. */
function trimmed(value: string): string {
  // By hand: a pattern that looks for blanks before the end takes quadratic time over a header full of them.
  let [start, end] = [0, value.length]
  while (start < end && isBlank(value.charCodeAt(start))) start += 1
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
