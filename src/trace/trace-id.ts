import { createHash, randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const TRACE_ID = /^[A-Za-z0-9._:-]{1,128}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const HEX = /^[0-9a-f]{32}$/i
const ZERO = '0'.repeat(32)

/** True for 1 to 128 characters of `[A-Za-z0-9._:-]`: what may arrive as X-Trace-ID. */
export function isTraceId(value: unknown): value is string {
  return typeof value === 'string' && TRACE_ID.test(value)
}

/**
 * The 128 bits of a trace id as the 32 lower-case hex digits of W3C Trace Context.
 *
 * A UUID or 32 hex digits are these bits themselves; any other id maps to the first 128 bits of the SHA-256
 * of its text, so that every service, in any language, agrees.
 *
 * @see https://www.w3.org/TR/trace-context-2/#trace-id
 * @example w3cTraceId('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071') // '019a2b3c4d5e7f608a1b2c3d4e5f6071'
 */
export function w3cTraceId(traceId: string): string {
  const bits = UUID.test(traceId) ? traceId.replaceAll('-', '') : HEX.test(traceId) ? traceId : ZERO
  return bits === ZERO ? createHash('sha256').update(traceId).digest('hex').slice(0, 32) : bits.toLowerCase()
}

/** The dashed form of 32 hex digits: how a trace that began with a traceparent alone is written in logs. */
export function toDashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * When the trace began, in epoch milliseconds, as a UUID version 7 tells it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 * @returns undefined for an id of another kind
 */
export function creationTime(traceId: string): number | undefined {
  const bits = UUID.test(traceId) ? traceId.replaceAll('-', '') : traceId
  return HEX.test(bits) && bits[12] === '7' ? Number.parseInt(bits.slice(0, 12), 16) : undefined
}

// Asking the system for random bytes costs ten times as much as making the id: ask for many at once.
const pool = Buffer.allocUnsafeSlow(8_192)
let used = pool.length

/** Where in the pool so many fresh random bytes begin. */
function random(bytes: number): number {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return used - bytes
}

// An id is made in the same few bytes each time: arrays of its own would cost more than all the rest.
const seed = { random: new Uint8Array(16) }
const bits = new Uint8Array(16)
const text = Buffer.alloc(36, '-')
const DIGITS = Buffer.from('0123456789abcdef')
/** Where the digits of each byte stand in the dashed form. */
const PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)

/** A new trace id: a UUID version 7, all of whose random bits are random. */
export function newTraceId(): string {
  const at = random(16)
  for (let index = 0; index < 16; index += 1) seed.random[index] = pool[at + index] ?? 0
  v7(seed, bits)
  for (let index = 0; index < 16; index += 1) {
    const [byte, place] = [bits[index] ?? 0, PLACES[index] ?? 0]
    text[place] = DIGITS[byte >> 4] ?? 0
    text[place + 1] = DIGITS[byte & 15] ?? 0
  }
  return text.toString('latin1')
}

/** A new request id: 16 lower-case hex digits, not all zero; the W3C parent-id of the request. */
export function newRequestId(): string {
  const at = random(8)
  const id = pool.toString('hex', at, at + 8)
  return id === NO_REQUEST ? newRequestId() : id
}

const NO_REQUEST = '0'.repeat(16)

/** True for 16 lower-case hex digits that are not all zero. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) && value !== NO_REQUEST
}
