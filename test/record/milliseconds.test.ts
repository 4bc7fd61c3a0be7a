import fc from 'fast-check'
import { expect, test } from 'vitest'
import { milliseconds } from '../../src/record/milliseconds.ts'

test('a duration is written as JSON writes the number, the second time too', () => {
  const short = fc.nat(5_000).map((micros) => micros / 1_000)
  // Between two of those, and out of their range.
  const other = fc.oneof(
    short.map((ms) => ms + 0.000_1),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0),
  )
  fc.assert(
    fc.property(short, other, (...all) => {
      for (const ms of [...all, ...all]) expect(milliseconds(ms)).toBe(JSON.stringify(ms))
    }),
    { numRuns: 1_000 },
  )
  expect([0, 0.000_4, 1, 1.000_4, 3.999, 4, -1, -0.000_4].map(milliseconds)).toEqual([
    '0',
    '0.0004',
    '1',
    '1.0004',
    '3.999',
    '4',
    '-1',
    '-0.0004',
  ])
})
