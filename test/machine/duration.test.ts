import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ThroughlineError } from '../../src/errors.ts'
import { formatDuration, formatTime, parseDuration } from '../../src/machine/duration.ts'

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['1.5h', 5_400_000],
    ['1.25s', 1_250],
    ['0.000001s', 0.001],
    [0, 0],
    [1_234.5, 1_234.5],
  ])('parses %j', (value, ms) => {
    expect(parseDuration(value)).toBe(ms)
  })

  test.each([
    '',
    '30',
    's',
    '30 s',
    '-1s',
    '1e3s',
    '30S',
    '1w',
    '30s ',
    '1.s',
    '٣s',
    -1,
    NaN,
    null,
    undefined,
    true,
    {},
    [],
    '9'.repeat(400) + 's',
    Symbol('s'),
    30n,
  ])('rejects %s', (value) => {
    expect(() => parseDuration(value)).toThrow(
      expect.toSatisfy((error) => error instanceof ThroughlineError && error.code === 'THROUGHLINE_BAD_DURATION'),
    )
  })
})

test.each<[value: unknown, shown: string]>([
  ['soon', '"soon"'],
  ['', '""'],
  [-1, '-1'],
  [NaN, 'NaN'],
  [null, 'a value of type object'],
  [undefined, 'a value of type undefined'],
  [Symbol('s'), 'a value of type symbol'],
])('the error for %s names the value and what to write', (value, shown) => {
  expect(() => parseDuration(value)).toThrow(`${shown} is not a duration: write 250ms, 30s, 15m, 2h or 1d`)
})

describe('formatDuration', () => {
  test.each([
    [0, '0ms'],
    [1.204, '1.2ms'],
    [0.006, '0.01ms'],
    [12.4, '12ms'],
    [59_990, '59.99s'],
    [61_000, '1m 1s'],
    [3_599_999, '59m 59s'],
    [86_399_999, '23h 59m'],
    [86_400_000, '1d'],
    [172_800_000, '2d'],
    [3_660_000, '1h 1m'],
    [90_061_000, '1d 1h'],
    [-0.004, '-0ms'],
    [10, '10ms'],
    [9.99, '9.99ms'],
    [999.49, '999ms'],
    [999.5, '1s'],
    [999.4, '999ms'],
    [999.7, '1s'],
    [1_000, '1s'],
    [1_250, '1.25s'],
    [59_999, '59.99s'],
    [60_000, '1m'],
    [754_000, '12m 34s'],
    [3_600_000, '1h'],
    [7_260_000, '2h 1m'],
    [90_000_000, '1d 1h'],
    [-1_500, '-1.5s'],
  ])('formats %d as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  test('a formatted duration is parsed as nearly the same, and has at most two units', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (ms) => {
        const parts = formatDuration(ms).split(' ')
        expect(parts.length).toBeLessThanOrEqual(2)
        const read = parts.reduce((sum, part) => sum + parseDuration(part), 0)
        const smallest = ms < 1_000 ? 1 : ms < 3_600_000 ? 1_000 : ms < 86_400_000 ? 60_000 : 3_600_000
        expect(Math.abs(read - ms)).toBeLessThanOrEqual(smallest)
      }),
    )
  })
})

test.each([
  [0, '1970-01-01T00:00:00.000Z'],
  [1_790_000_000_123, '2026-09-21T14:13:20.123Z'],
  [8.64e15, '+275760-09-13T00:00:00.000Z'],
  [8.64e15 + 1, '8640000000000001'],
  [Infinity, 'Infinity'],
])('formatTime formats %d as %s', (time, text) => {
  expect(formatTime(time)).toBe(text)
})
