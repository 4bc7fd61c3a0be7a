import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FingerprintSet } from '../../../src/audit/batch/fingerprint-set.ts'
import { WordKeyMap } from '../../../src/audit/batch/word-key-map.ts'
import { IntQueue } from '../../../src/audit/batch/int-queue.ts'

/** Few words, so that keys come again, and some that differ in their last word alone. */
const key = fc.tuple(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat(2_000))

test('a table of keys does what a map does, whatever is added and deleted', () => {
  const acts = fc.array(fc.tuple(fc.constantFrom('add', 'add', 'find', 'delete', 'keep'), key), {
    maxLength: 8_000,
    size: 'max',
  })
  fc.assert(
    fc.property(acts, (all) => {
      const table = new WordKeyMap(2, 1)
      const map = new Map<string, { readonly index: number; about: number }>()
      for (const [act, words] of all) {
        table.key.set(words)
        const known = map.get(String(words))
        expect(table.find()).toBe(known?.index ?? -1)
        if (act === 'add' && known === undefined) map.set(String(words), { index: table.add(), about: 0 })
        else if (act === 'delete' && known !== undefined) {
          table.delete(known.index)
          map.delete(String(words))
        } else if (act === 'keep' && known !== undefined) table.set(known.index, 0, (known.about = words[1]))
        expect(table.size).toBe(map.size)
      }
      for (const [words, { index, about }] of map) {
        table.readKey(index)
        expect([String([...table.key]), table.get(index, 0)]).toEqual([words, about])
      }
      expect(new Set([...map.values()].map(({ index }) => index)).size).toBe(map.size)
    }),
    { numRuns: 30 },
  )
})

test('fingerprints are known once they were added, and no others', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 0xffff_ffff })), {
        maxLength: 9_000,
        size: 'max',
        selector: String,
      }),
      (pairs) => {
        const known = new FingerprintSet()
        const half = pairs.length >> 1
        for (const pair of pairs.slice(0, half)) known.add(...pair)
        for (const pair of pairs.slice(0, half)) known.add(...pair)
        expect(pairs.map((pair) => known.has(...pair))).toEqual(pairs.map((_, index) => index < half))
      },
    ),
    { numRuns: 20 },
  )
})

test('a queue gives back what was put in, in that order', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 6_000, size: 'max' }), (puts) => {
      const queue = new IntQueue()
      const list: number[] = []
      for (const [number, put] of puts.entries()) {
        if (put || number % 3 === 0) {
          queue.push(number)
          list.push(number)
        } else if (list.length > 0) expect(queue.shift()).toBe(list.shift())
        expect(queue.size).toBe(list.length)
      }
    }),
    { numRuns: 20 },
  )
})
