import { isRequestId } from './trace-id.ts'

/** W3C Trace Context flag: the caller may have recorded the trace. */
export const SAMPLED = 0x01
/** W3C Trace Context level 2 flag: the rightmost 56 bits of the trace-id are random. */
export const RANDOM = 0x02

/** The fields of a traceparent header. */
export interface Traceparent {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hex digits, not all zero: the caller's request. */
  readonly parentId: string
  /** One byte. Only {@link SAMPLED} and {@link RANDOM} are defined. */
  readonly flags: number
}

// No comma: it would come from two headers that were joined.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?$/

/**
 * Parses a traceparent header of version 00, or of a higher version whose first four fields have the same format.
 *
 * @see https://www.w3.org/TR/trace-context-2/#traceparent-header
 * @returns undefined if the header must be ignored
 */
export function parseTraceparent(value: string): Traceparent | undefined {
  const match = TRACEPARENT.exec(trimBlanks(value))
  if (match === null) return undefined
  const [, version, traceId = '', parentId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || !isRequestId(parentId)) return undefined
  return { traceId, parentId, flags: Number.parseInt(flags, 16) }
}

/** Formats a traceparent header of version 00. Undefined flags are sent as zero. */
export function formatTraceparent({ traceId, parentId, flags }: Traceparent): string {
  return `00-${traceId}-${parentId}-0${flags & (SAMPLED | RANDOM)}`
}

const KEY = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MAX_MEMBERS = 32
/** List entries, empty ones included. The header may have any number of empty ones, so this bounds the work. */
const MAX_ENTRIES = 1_024

/**
 * Validates a tracestate header and returns its members in the same order, without empty ones and white space.
 *
 * @see https://www.w3.org/TR/trace-context-2/#tracestate-header
 * @returns undefined if the header is empty, has an invalid member, or has more than 32 members
 */
export function parseTracestate(value: string): string | undefined {
  const entries = value.split(',', MAX_ENTRIES + 1)
  const members = entries.map(trimBlanks).filter((member) => member !== '')
  if (members.length === 0 || members.length > MAX_MEMBERS || entries.length > MAX_ENTRIES) return undefined
  return members.every(isValidMember) ? members.join(',') : undefined
}

function isValidMember(member: string): boolean {
  const equals = member.indexOf('=')
  return equals > 0 && KEY.test(member.slice(0, equals)) && VALUE.test(member.slice(equals + 1))
}

/** Removes the optional white space (spaces and tabs) that HTTP allows around a value. */
function trimBlanks(value: string): string {
  // Not a regular expression: one that matches trailing blanks takes quadratic time on a header full of them.
  let [start, end] = [0, value.length]
  while (start < end && isBlank(value.charCodeAt(start))) start += 1
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
