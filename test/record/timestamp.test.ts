import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTimestamp } from '../../src/record/timestamp.ts'

const TIME = 1_790_000_000_123.456

describe('a time', () => {
  test.each([
    ['epoch seconds', 1_790_000_000.123456],
    ['epoch milliseconds', 1_790_000_000_123.456],
    ['epoch microseconds', 1_790_000_000_123_456],
    ['epoch nanoseconds, as a string', '1790000000123456000'],
    ['epoch seconds, as a string', '1790000000.123456'],
    ['ISO 8601', '2026-09-21T14:13:20.123456Z'],
    ['a fraction to the nanosecond', '2026-09-21T14:13:20.123456000Z'],
    ['a comma and a space', '2026-09-21 14:13:20,123456'],
    ['an offset', '2026-09-21T16:13:20.123456+02:00'],
    ['an offset without a colon', '2026-09-21T09:13:20.123456-0500'],
    ['an offset of hours', '2026-09-21T16:13:20.123456+02'],
    ['an offset after a space', '2026-09-21 14:13:20.123456 +0000'],
    ['lower case', '2026-09-21t14:13:20.123456z'],
  ])('is parsed from %s', (_, value) => {
    expect(parseTimestamp(value)).toBe(TIME)
  })

  test('is parsed in any unit, from 1973 to 5138', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e11, max: 1e14 - 1 }), (ms) => {
        for (const unit of [0.001, 1, 1_000, 1_000_000]) {
          expect(parseTimestamp(ms * unit)).toBeCloseTo(ms, 1)
          expect(
            parseTimestamp((ms * unit).toLocaleString('en', { useGrouping: false, maximumFractionDigits: 3 })),
          ).toBeCloseTo(ms, 1)
        }
      }),
    )
  })

  test('is parsed as Date writes it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
        (date) => {
          expect(parseTimestamp(date.toISOString())).toBe(date.getTime())
        },
      ),
    )
  })
})

test('whole seconds are whole, and a leap second follows the 59th', () => {
  expect(parseTimestamp('2016-12-31T23:59:59Z')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59))
  expect(parseTimestamp('2016-12-31T23:59:60Z')).toBe(Date.UTC(2017, 0, 1))
})

test.each([
  ...[
    '',
    'soon',
    '2026-09-21',
    '14:13:20',
    '2026-13-01T00:00:00Z',
    '2026-09-21T25:00:00Z',
    '2026-09-21T14:13:61Z',
    '2026-09-21T14:13:20+99:99',
  ],
  ...['1790000000 ', '-1790000000', '0x5f5e100', '1'.repeat(65), '7', 0, 7, -1_790_000_000, 1e20, Number.NaN, Infinity],
  ...[null, undefined, true, {}, [1_790_000_000], new Date(0), 1_790_000_000n],
])('%o is not a time', (value) => {
  expect(parseTimestamp(value)).toBeUndefined()
})
