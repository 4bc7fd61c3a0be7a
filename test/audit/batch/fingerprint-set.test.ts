import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FingerprintSet } from '../../../src/audit/batch/fingerprint-set.ts'

const fingerprint = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 0xffff_ffff }))

test('a set of fingerprints has exactly those that were added', () => {
  const pairs = fc.uniqueArray(fingerprint, { minLength: 2, maxLength: 9_000, size: 'max', selector: String })
  fc.assert(
    fc.property(pairs, (all) => {
      const set = new FingerprintSet()
      const half = all.length >> 1
      for (const pair of all.slice(0, half)) set.add(...pair)
      for (const pair of all.slice(0, half)) set.add(...pair)
      expect(all.map((pair) => set.has(...pair))).toEqual(all.map((_, index) => index < half))
    }),
    { numRuns: 20 },
  )
})
