import fc from 'fast-check'
import { version } from 'uuid'
import { describe, expect, test } from 'vitest'
import { creationTime, toDashed, isRequestId, newRequestId, newTraceId, w3cTraceId } from '../../src/trace/trace-id.ts'

const MANY = 20_000

describe('new ids', () => {
  const ids = Array.from({ length: MANY }, newTraceId)

  test('are UUIDs of version 7, and unique', () => {
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(version(id)).toBe(7)
    }
    expect(new Set(ids).size).toBe(MANY)
  })

  test('sort by the time of their birth, which they tell', () => {
    const births = ids.map((id) => creationTime(id) ?? NaN)
    expect(births).toEqual([...births].sort((a, b) => a - b))
    expect([...ids].sort().map(creationTime)).toEqual(births)
    const now = Date.now()
    const birth = creationTime(newTraceId()) ?? NaN
    expect(birth >= now && birth <= Date.now()).toBe(true)
  })

  test('have 56 random bits on their right, as the random flag promises', () => {
    // In so many ids, a bit that is never set or always set is not random.
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
  ])('%j is no request id', (id) => {
    expect(isRequestId(id)).toBe(false)
  })
})

describe('the W3C trace-id', () => {
  test.each([
    ['019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    ['019A2B3C-4D5E-7F60-8A1B-2C3D4E5F6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    ['019a2b3c4d5e7f608a1b2c3d4e5f6071', '019a2b3c4d5e7f608a1b2c3d4e5f6071'],
    // By sha256sum, so that a service in any language agrees.
    ['abc-123', '5942d94f524882e0f29bf0a1e5a6dcc9'],
    ['00000000-0000-0000-0000-000000000000', '12b9377cbe7e5c94e8a70d9d23929523'],
  ])('of %s is %s', (id, expected) => {
    expect(w3cTraceId(id)).toBe(expected)
  })

  test('is always valid, and that of its own dashed form is itself', () => {
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
  ['0af76519-16cd-43dd-8448-eb211c80319c', undefined],
  ['abc-123', undefined],
])('%s was born at %s', (id, time) => {
  expect(creationTime(id)).toBe(time)
})
