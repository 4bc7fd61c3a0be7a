import fc from 'fast-check'
import { expect, test } from 'vitest'
import { upperBound } from '../../src/history/upper-bound.ts'

test.each<[times: number[], time: number, index: number]>([
  [[], 5, 0],
  [[5], 4, 0],
  [[5], 5, 1],
  [[1, 2, 2, 2, 3], 2, 4],
  [[1, 2, 3], 9, 3],
])('in %j, the first item after %i has index %i', (times, time, index) => {
  expect(upperBound(times, time, (item) => item)).toBe(index)
})

test('it is the index that a linear search finds', () => {
  const sorted = fc.array(fc.nat(20)).map((times) => times.sort((a, b) => a - b))
  fc.assert(
    fc.property(sorted, fc.integer({ min: -1, max: 21 }), (times, time) => {
      const first = times.findIndex((item) => item > time)
      expect(upperBound(times, time, (item) => item)).toBe(first === -1 ? times.length : first)
    }),
  )
})
