import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ThroughlineError } from '../../src/errors.ts'
import { formatDuration, parseDuration } from '../../src/machine/duration.ts'

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0s', 0],
    ['1.5h', 5_400_000],
    [0, 0],
    [1_234.5, 1_234.5],
  ])('reads %j', (value, ms) => {
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
  ])('refuses %s', (value) => {
    expect(() => parseDuration(value)).toThrow(
      expect.toSatisfy((error) => error instanceof ThroughlineError && error.code === 'THROUGHLINE_BAD_DURATION'),
    )
  })
})

describe('formatDuration', () => {
  test.each([
    [0, '0ms'],
    [1.204, '1.2ms'],
    [0.006, '0.01ms'],
    [12.4, '12ms'],
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
  ])('writes %d as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  test('what it writes is read as nearly the same, in at most two units', () => {
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
