/**
 * Calls are numbered in the last three digits of the request id, which are `000` in an id that throughline generates:
 * the parent id that the second call of `b7ad6b7169203000` sends is `b7ad6b7169203002`.
 *
 * The calls of a request that started here are 001 to 7ff. Those of an attempt are 801 to fff, 255 for each of eight
 * attempts, so that the sender of a message and the workers that process it never use the same number. After the last
 * number, calls send the request id itself.
 */
const NUMBER = '000'
const PREFIX_DIGITS = 13
const FIRST_OF_ATTEMPTS = 0x800
const ATTEMPTS = 8
const NUMBERS_PER_ATTEMPT = 0x100

/** Whether the calls of a request are numbered. Those of any other id all send the id itself. */
export function isNumbered(requestId: string): boolean {
  return requestId.endsWith(NUMBER)
}

/** How many calls of a request, or of one attempt of a resumed one, can have a number. */
export function maxCalls(attempt: number | undefined): number {
  return attempt === undefined ? FIRST_OF_ATTEMPTS - 1 : NUMBERS_PER_ATTEMPT - 1
}

/**
 * The parent id that a call sends.
 *
 * @param attempt undefined for a request that was not resumed
 * @param call 1, 2 … within the request or the attempt
 * @example callId('b7ad6b7169203000', undefined, 2) // 'b7ad6b7169203002'
 */
export function callId(requestId: string, attempt: number | undefined, call: number): string {
  if (!isNumbered(requestId) || call > maxCalls(attempt)) return requestId
  const number = attempt === undefined ? call : FIRST_OF_ATTEMPTS + attemptSlot(attempt) * NUMBERS_PER_ATTEMPT + call
  return requestId.slice(0, PREFIX_DIGITS) + number.toString(16).padStart(NUMBER.length, '0')
}

/** What a parent id says if it is that of a numbered call. */
export interface ParsedCallId {
  /** The id of the caller. */
  readonly requestId: string
  /** Which of the eight groups of attempts the call belongs to; undefined if the caller had not been resumed. */
  readonly slot: number | undefined
  /** 1, 2 … within the request or the attempt. */
  readonly call: number
}

/**
 * Reads a parent id as that of a numbered call.
 *
 * An id from another language looks the same: it is one only if the caller's `request_id` is the one that results.
 *
 * @param parentId 16 hex digits
 * @returns undefined if the last digits are no number of a call
 */
export function parseCallId(parentId: string): ParsedCallId | undefined {
  const number = Number.parseInt(parentId.slice(PREFIX_DIGITS), 16)
  const isOfAttempt = number >= FIRST_OF_ATTEMPTS
  const call = isOfAttempt ? number % NUMBERS_PER_ATTEMPT : number
  if (!(call > 0)) return undefined
  const slot = isOfAttempt ? Math.floor((number - FIRST_OF_ATTEMPTS) / NUMBERS_PER_ATTEMPT) : undefined
  return { requestId: parentId.slice(0, PREFIX_DIGITS) + NUMBER, slot, call }
}

/** The group of an attempt: 0 to 7. The ninth attempt has that of the first. */
export function attemptSlot(attempt: number): number {
  return (attempt - 1) & (ATTEMPTS - 1)
}
