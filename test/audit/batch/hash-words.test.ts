import { expect, test } from 'vitest'
import { fingerprintOf, hashWords } from '../../../src/audit/batch/hash-words.ts'

/** Keys that differ in few bits: a counter, and one bit of each word. */
const keys = [
  ...Array.from({ length: 100_000 }, (_, n) => Uint32Array.of(0x019a2b3c, 0x4d5e7f60, 0x8a1b2c3d, n, 0, n >>> 3, 0)),
  ...Array.from({ length: 7 * 32 }, (_, n) => {
    const key = new Uint32Array(7).fill(0xb7ad6b71)
    key[n >> 5] = 0xb7ad6b71 ^ (1 << (n & 31))
    return key
  }),
]

test('similar keys have different fingerprints', () => {
  expect(new Set(keys.map((key) => fingerprintOf(key).join())).size).toBe(keys.length)
})

test('the hashes of similar keys spread evenly over the slots of a map', () => {
  const slots = new Uint32Array(256)
  for (const key of keys) slots[hashWords(key) & 255] = (slots[hashWords(key) & 255] ?? 0) + 1
  const average = keys.length / slots.length
  expect(Math.min(...slots)).toBeGreaterThan(average * 0.7)
  expect(Math.max(...slots)).toBeLessThan(average * 1.3)
})
