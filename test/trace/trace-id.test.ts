import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { version } from 'uuid'
import { describe, expect, test } from 'vitest'
import {
  canonicalTraceId,
  creationTime,
  displayTraceId,
  isRequestId,
  isTraceId,
  newRequestId,
  newTraceId,
  toDashed,
  w3cTraceId,
} from '../../src/trace/trace-id.ts'

const MANY = 20_000
const HEX = '019a2b3c4d5e7f608a1b2c3d4e5f6071'
const DASHED = '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071'

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

describe('new ids', () => {
  const ids = Array.from({ length: MANY }, newTraceId)

  test('are UUIDs of version 7, and unique', () => {
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(version(id)).toBe(7)
    }
    expect(new Set(ids).size).toBe(MANY)
  })

  test('sort by their creation time', () => {
    const times = ids.map((id) => creationTime(id) ?? NaN)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect([...ids].sort().map(creationTime)).toEqual(times)
    const now = Date.now()
    const time = creationTime(newTraceId()) ?? NaN
    expect(time >= now && time <= Date.now()).toBe(true)
  })

  test('have 56 random bits at their end, as the random flag promises', () => {
    // In 20,000 ids, a bit that is never set or always set is not random.
    const seen = ids.map((id) => BigInt(`0x${id.replaceAll('-', '')}`) & ((1n << 56n) - 1n))
    expect(seen.reduce((all, bits) => all | bits)).toBe((1n << 56n) - 1n)
    expect(seen.reduce((all, bits) => all & bits)).toBe(0n)
  })

  test('of requests are 16 lower-case hex digits, not all zero, and unique', () => {
    const requests = Array.from({ length: MANY }, newRequestId)
    expect(requests.every(isRequestId)).toBe(true)
    expect(new Set(requests).size).toBe(MANY)
  })

  test.each([
    '0000000000000000',
    'B7AD6B7169203331',
    'b7ad6b716920333',
    'b7ad6b71692033311',
    'b7ad6b716920333g',
    '',
    7,
    null,
    ['b7ad6b7169203331'],
  ])('%j is not a request id', (id) => {
    expect(isRequestId(id)).toBe(false)
  })
})

describe('the W3C trace-id', () => {
  test.each([
    ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    ['019A2B3C-4D5E-7F60-8A1B-2C3D4E5F6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    ['019a2b3c4d5e7f608a1b2c3d4e5f6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    // The output of sha256sum: services in all languages agree.
    ['abc-123', '5942d94f524882e0f29bf0a1e5a6dcc9'],
    ['00000000-0000-0000-0000-000000000000', '12b9377cbe7e5c94e8a70d9d23929523'],
    ['0'.repeat(32), sha256('0'.repeat(32))],
    // Neither a UUID nor 32 hex digits.
    ...[
      '019a2b3c4d5e-7f60-8a1b-2c3d4e5f6071',
      '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f60711',
      '0019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071',
      '019a2b3c4d5e7f608a1b2c3d4e5f60711',
      '0019a2b3c4d5e7f608a1b2c3d4e5f6071',
      '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f607g',
    ].map((id): [string, string] => [id, sha256(id)]),
  ])('of %s is %s', (id, expected) => {
    expect(w3cTraceId(id)).toBe(expected)
  })

  test('is always valid, and maps to itself with and without dashes', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/), (id) => {
        const mapped = w3cTraceId(id)
        expect(mapped).toMatch(/^(?!0{32})[0-9a-f]{32}$/)
        expect(w3cTraceId(mapped)).toBe(mapped)
        expect(w3cTraceId(toDashed(mapped))).toBe(mapped)
      }),
    )
  })
})

test.each([
  ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', 0x019a2b3c4d5e],
  ['019a2b3c4d5e7f608a1b2c3d4e5f6071', 0x019a2b3c4d5e],
  ['019A2B3C-4D5E-7F60-8A1B-2C3D4E5F6071', 0x019a2b3c4d5e],
  ['0af76519-16cd-43dd-8448-eb211c80319c', undefined],
  ['0af7651916cd43dd8448eb211c80319c', undefined],
  ['019a2b3c4d5e7f608a1b2c3d4e5f607', undefined],
  ['019a2b3c4d5e7f608a1b2c3d4e5f60711', undefined],
  ['abc-123', undefined],
])('%s was created at %s', (id, time) => {
  expect(creationTime(id)).toBe(time)
})

describe('the forms of a trace id', () => {
  test.each([HEX, HEX.toUpperCase(), DASHED, DASHED.toUpperCase(), '019a2b3c-4d5e7f60-8a1b2c3d4e5f6071'])(
    '%s is canonical without dashes, and shown with dashes',
    (id) => {
      expect(canonicalTraceId(id)).toBe(HEX)
      expect(displayTraceId(id)).toBe(DASHED)
    },
  )

  test.each(['ABC-123', `${DASHED}0`, `0${DASHED}`, HEX.slice(1), `${HEX}0`, `-${HEX}`, HEX.replace('a', 'g')])(
    '%s has only one form',
    (id) => {
      expect(canonicalTraceId(id)).toBe(id)
      expect(displayTraceId(id)).toBe(id)
    },
  )
})

test.each([
  ['a', true],
  ['A-z_0.9:', true],
  ['x'.repeat(128), true],
  ['x'.repeat(129), false],
  ['', false],
  ['a b', false],
  ['a\n', false],
  ['ä', false],
  [7, false],
  [undefined, false],
  [['abc'], false],
])('isTraceId(%j) is %s', (value, expected) => {
  expect(isTraceId(value)).toBe(expected)
})
