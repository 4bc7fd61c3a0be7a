import fc from 'fast-check'
import { expect, test } from 'vitest'
import { percentilesOf, DwellHistogram } from '../../src/audit/dwell-histogram.ts'

const MANY = 16_384

/** By the nearest rank. */
function exact(times: readonly number[], share: number): number {
  return [...times].sort((a, b) => a - b)[Math.max(1, Math.ceil(share * times.length)) - 1] ?? NaN
}

function timesOf(all: readonly number[]): DwellHistogram {
  const times = new DwellHistogram()
  for (const ms of all) times.add(ms)
  return times
}

/** Stays from a microsecond to a month. */
const stays = fc.array(
  fc.double({ min: -3, max: 9.4, noNaN: true }).map((power) => 10 ** power),
  { minLength: 40, maxLength: 60 },
)

test('of no times there are no figures', () => {
  expect(new DwellHistogram().percentiles()).toEqual({ p50: null, p95: null, p99: null, max: null })
})

test('a few times are exact', () => {
  fc.assert(
    fc.property(stays, (all) => {
      expect(timesOf(all).percentiles()).toEqual({
        p50: exact(all, 0.5),
        p95: exact(all, 0.95),
        p99: exact(all, 0.99),
        max: exact(all, 1),
      })
    }),
  )
})

test('of many each figure is a time that was measured, at most 0.1 % too high, in whatever order they came', () => {
  fc.assert(
    fc.property(stays, fc.integer({ min: 1, max: 999 }), (few, step) => {
      // Each time many times, a little longer each time.
      const all = Array.from(
        { length: MANY + 1_000 },
        (_, index) => (few[(index * step) % few.length] ?? 0) * (1 + index / 1e6),
      )
      const figures = timesOf(all).percentiles()
      for (const [figure, share] of [
        [figures.p50, 0.5],
        [figures.p95, 0.95],
        [figures.p99, 0.99],
        [figures.max, 1],
      ] as const) {
        expect(all).toContain(figure)
        const true_ = exact(all, share)
        expect(figure).toBeGreaterThanOrEqual(true_)
        expect(figure).toBeLessThanOrEqual(true_ * 1.001)
      }
      expect(timesOf([...all].reverse()).percentiles()).toEqual(figures)
    }),
    { numRuns: 10 },
  )
})

test('figures of several together are those of all their times', () => {
  fc.assert(
    fc.property(stays, stays, (a, b) => {
      expect(percentilesOf([timesOf(a), timesOf(b)])).toEqual(timesOf([...a, ...b]).percentiles())
    }),
  )
})
