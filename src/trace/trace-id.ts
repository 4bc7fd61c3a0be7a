import { createHash, randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const TRACE_ID = /^[A-Za-z0-9._:-]{1,128}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const UUID_WITH_ANY_DASHES = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const HEX = /^[0-9a-f]{32}$/i
const ZERO = '0'.repeat(32)

/** True for a valid X-Trace-ID: 1 to 128 characters of `[A-Za-z0-9._:-]`. */
export function isTraceId(value: unknown): value is string {
  return typeof value === 'string' && TRACE_ID.test(value)
}

/**
 * Maps a trace id to the trace-id of W3C Trace Context: 32 lower-case hex digits, not all zero.
 *
 * A UUID and 32 hex digits keep their bits. Any other id maps to the first 128 bits of its SHA-256, so that services in
 * all languages agree.
 *
 * @see https://www.w3.org/TR/trace-context-2/#trace-id
 * @example w3cTraceId('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071') // '019a2b3c4d5e7f608a1b2c3d4e5f6071'
 */
export function w3cTraceId(traceId: string): string {
  const bits = UUID.test(traceId) ? traceId.replaceAll('-', '') : HEX.test(traceId) ? traceId : ZERO
  return bits === ZERO ? createHash('sha256').update(traceId).digest('hex').slice(0, 32) : bits.toLowerCase()
}

/** Formats 32 hex digits as a UUID with dashes: the form in which a trace-id from a traceparent is logged. */
export function toDashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * The same string for all forms of one UUID: 32 lower-case hex digits. Any other id is returned unchanged.
 *
 * @example canonicalTraceId('019A2B3C-4D5E-7F60-8A1B-2C3D4E5F6071') // '019a2b3c4d5e7f608a1b2c3d4e5f6071'
 */
export function canonicalTraceId(traceId: string): string {
  return UUID_WITH_ANY_DASHES.test(traceId) ? traceId.replaceAll('-', '').toLowerCase() : traceId
}

/** The form in which a trace id is shown: a UUID with dashes, in lower case; any other id unchanged. */
export function displayTraceId(traceId: string): string {
  return UUID_WITH_ANY_DASHES.test(traceId) ? toDashed(canonicalTraceId(traceId)) : traceId
}

/**
 * When the trace id was created, in epoch milliseconds: the timestamp of a UUID version 7.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 * @returns undefined for any other id
 */
export function creationTime(traceId: string): number | undefined {
  const bits = UUID.test(traceId) ? traceId.replaceAll('-', '') : traceId
  return HEX.test(bits) && bits[12] === '7' ? Number.parseInt(bits.slice(0, 12), 16) : undefined
}

// A call for random bytes costs ten times as much as generating an id, so each call fills a pool.
const pool = Buffer.allocUnsafeSlow(8_192)
let used = pool.length

/** Reserves unused random bytes and returns their offset in the pool. */
function reserveRandomBytes(bytes: number): number {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return used - bytes
}

// Every id is generated in the same buffers: allocating them would cost more than everything else.
const seed = { random: new Uint8Array(16) }
const bits = new Uint8Array(16)
const text = Buffer.alloc(36, '-')
const DIGITS = Buffer.from('0123456789abcdef')
/** The offset of each byte's two digits in the dashed form. */
const DIGIT_OFFSETS = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)

/**
 * Generates a trace id: a UUID version 7 without a counter, so all bits but timestamp, version and variant are random.
 */
export function newTraceId(): string {
  const start = reserveRandomBytes(16)
  for (let index = 0; index < 16; index += 1) seed.random[index] = pool[start + index] ?? 0
  v7(seed, bits)
  for (let index = 0; index < 16; index += 1) {
    const [byte, offset] = [bits[index] ?? 0, DIGIT_OFFSETS[index] ?? 0]
    text[offset] = DIGITS[byte >> 4] ?? 0
    text[offset + 1] = DIGITS[byte & 15] ?? 0
  }
  return text.toString('latin1')
}

/**
 * Generates a request id: 13 random lower-case hex digits, not all zero, and `000`, in which the calls that the request
 * sends are numbered. With a call's number it is the W3C parent-id of that call.
 */
export function newRequestId(): string {
  const start = reserveRandomBytes(8)
  pool[start + 6] = (pool[start + 6] ?? 0) & 0xf0
  pool[start + 7] = 0
  const id = pool.toString('hex', start, start + 8)
  return id === ZERO_REQUEST ? newRequestId() : id
}

const ZERO_REQUEST = '0'.repeat(16)

/** True for 16 lower-case hex digits that are not all zero. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) && value !== ZERO_REQUEST
}
