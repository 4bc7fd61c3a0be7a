import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSettings } from '../../src/tracking/settings.ts'

describe('elapsed() with a clock of the user', () => {
  /** The result of elapsed() after each time that the clock shows. */
  function elapsedAt(times: readonly number[]): number[] {
    const clock = { time: 0 }
    const { elapsed } = parseSettings({ service: 'api', logger: false, now: () => clock.time })
    return times.map((time) => {
      clock.time = time
      return elapsed()
    })
  }

  test.each<[what: string, times: number[], elapsed: number[]]>([
    ['starts at 0', [1_790_000_000_000], [0]],
    ['counts steps forward', [100, 105, 112], [0, 5, 12]],
    ['does not count a step back', [100, 105, 95], [0, 5, 5]],
    ['counts on from a step back', [100, 105, 95, 98], [0, 5, 5, 8]],
    ['does not change while the clock stands', [100, 100, 107, 107], [0, 0, 7, 7]],
  ])('%s', (_, times, elapsed) => {
    expect(elapsedAt(times)).toEqual(elapsed)
  })

  test('never decreases, and is the sum of the steps forward', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 }), (times) => {
        const elapsed = elapsedAt(times)
        const steps = times.slice(1).map((time, index) => Math.max(0, time - (times[index] ?? 0)))
        expect(elapsed[0]).toBe(0)
        expect(elapsed.slice(1).map((value, index) => value - (elapsed[index] ?? 0))).toEqual(steps)
      }),
    )
  })
})
