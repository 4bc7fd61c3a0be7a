import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attemptSlot, callId, isNumbered, maxCalls, parseCallId } from '../../src/trace/call-id.ts'
import { isRequestId, newRequestId } from '../../src/trace/trace-id.ts'

const ID = 'b7ad6b7169203000'

/** 13 digits that are not all zero, and 000. */
const numbered = fc
  .stringMatching(/^[0-9a-f]{13}$/)
  .filter((digits) => /[^0]/.test(digits))
  .map((digits) => `${digits}000`)

test('an id that is generated is numbered, and its first 13 digits are not all zero', () => {
  const ids = Array.from({ length: 10_000 }, newRequestId)
  for (const id of ids) expect(id).toMatch(/^(?!0{13})[0-9a-f]{13}000$/)
  expect(new Set(ids).size).toBe(ids.length)
  // All 13 digits are random.
  for (let digit = 0; digit < 13; digit += 1) expect(new Set(ids.map((id) => id[digit])).size).toBe(16)
})

describe('the id of a call', () => {
  test.each<[attempt: number | undefined, call: number, id: string]>([
    [undefined, 1, 'b7ad6b7169203001'],
    [undefined, 10, 'b7ad6b716920300a'],
    [undefined, 0x7ff, 'b7ad6b71692037ff'],
    [1, 1, 'b7ad6b7169203801'],
    [1, 255, 'b7ad6b71692038ff'],
    [2, 1, 'b7ad6b7169203901'],
    [8, 255, 'b7ad6b7169203fff'],
    [9, 1, 'b7ad6b7169203801'],
  ])('of attempt %s and call %s is %s', (attempt, call, id) => {
    expect(callId(ID, attempt, call)).toBe(id)
  })

  test('is the id of the request once the numbers are used up', () => {
    expect(callId(ID, undefined, 0x800)).toBe(ID)
    expect(callId(ID, 3, 256)).toBe(ID)
  })

  test('is the id of the request if that does not end in 000', () => {
    expect(isNumbered('b7ad6b7169203001')).toBe(false)
    expect(callId('b7ad6b7169203001', undefined, 1)).toBe('b7ad6b7169203001')
  })

  test('is a valid parent id that differs from all others of the request, of its sender and of eight attempts', () => {
    const senders = [undefined, 1, 2, 3, 4, 5, 6, 7, 8]
    const ids = senders.flatMap((attempt) =>
      Array.from({ length: maxCalls(attempt) }, (_, index) => callId(ID, attempt, index + 1)),
    )
    expect(ids.length).toBe(0x7ff + 8 * 255)
    expect(new Set([ID, ...ids]).size).toBe(ids.length + 1)
    for (const id of ids) expect(isRequestId(id)).toBe(true)
  })

  test('is read back', () => {
    fc.assert(
      fc.property(
        numbered,
        fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
        fc.nat(),
        (id, attempt, n) => {
          const call = 1 + (n % maxCalls(attempt))
          const slot = attempt === undefined ? undefined : attemptSlot(attempt)
          expect(parseCallId(callId(id, attempt, call))).toEqual({ requestId: id, slot, call })
        },
      ),
    )
  })

  test.each([ID, 'b7ad6b7169203800', 'b7ad6b7169203f00'])('%s is that of no call', (id) => {
    expect(parseCallId(id)).toBeUndefined()
  })
})
