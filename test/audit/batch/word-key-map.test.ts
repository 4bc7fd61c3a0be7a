import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WordKeyMap } from '../../../src/audit/batch/word-key-map.ts'

/** Few words, so that keys come again, and keys that differ only in their last word. */
const key = fc.tuple(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat(2_000))
const action = fc.constantFrom('add', 'add', 'find', 'delete', 'set')

test('a map with word keys behaves like a Map, whatever is added and deleted', () => {
  const actions = fc.array(fc.tuple(action, key), { minLength: 1, maxLength: 8_000, size: 'max' })
  fc.assert(
    fc.property(actions, (all) => {
      const words = new WordKeyMap(2, 1)
      const model = new Map<string, { readonly index: number; value: number }>()
      for (const [name, numbers] of all) {
        const bytes = Uint32Array.from(numbers)
        const known = model.get(String(numbers))
        expect(words.find(bytes)).toBe(known?.index ?? -1)
        expect(words.has(bytes)).toBe(known !== undefined)
        if (name === 'add') {
          const index = words.findOrAdd(bytes)
          if (known === undefined) model.set(String(numbers), { index, value: 0 })
          else expect(index).toBe(known.index)
        } else if (name === 'delete' && known !== undefined) {
          words.delete(known.index)
          model.delete(String(numbers))
        } else if (name === 'set' && known !== undefined) words.set(known.index, 0, (known.value = numbers[1]))
        expect(words.size).toBe(model.size)
      }
      for (const [numbers, { index, value }] of model) {
        expect([String([...words.keyAt(index)]), words.get(index, 0)]).toEqual([numbers, value])
        expect(index).toBeLessThan(words.capacity)
      }
      expect(new Set([...model.values()].map(({ index }) => index)).size).toBe(model.size)
    }),
    { numRuns: 30 },
  )
})
