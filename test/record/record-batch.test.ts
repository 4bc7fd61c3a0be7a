import { expect, test } from 'vitest'
import {
  capacityOf,
  createBatch,
  kindKey,
  kindOf,
  ROW,
  transferablesOf,
  withDoubleCapacity,
} from '../../src/record/record-batch.ts'
import { transition } from '../sample-log.ts'

test('a batch has one memory for numbers and words', () => {
  const batch = createBatch(3)
  expect([capacityOf(batch), batch.numbers.length, batch.words.length]).toEqual([3, 3 * ROW.numbers, 3 * ROW.words])
  batch.numbers[0] = -1
  expect(batch.words[1]).not.toBe(0)
})

test('a batch with twice the capacity keeps its rows', () => {
  const batch = createBatch(2)
  batch.count = 2
  batch.numbers.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
  const wider = withDoubleCapacity(batch)
  expect(capacityOf(wider)).toBeGreaterThanOrEqual(4)
  expect(wider.count).toBe(2)
  expect([...wider.numbers.slice(0, 16)]).toEqual([...batch.numbers])
  expect(capacityOf(withDoubleCapacity(createBatch(0)))).toBeGreaterThan(0)
})

test('all memory of a batch can be transferred', () => {
  const batch = createBatch(2)
  const copy = structuredClone(batch, { transfer: transferablesOf(batch) })
  expect([batch.groups.length, batch.numbers.length, batch.words.length]).toEqual([0, 0, 0])
  expect([copy.groups.length, copy.numbers.length, copy.words.length]).toEqual([2, 2 * ROW.numbers, 2 * ROW.words])
})

test('kinds have the same key exactly if they are equal', () => {
  const first = kindOf(transition())
  expect(Object.keys(first)).toEqual(['lifecycle', 'service', 'state'])
  const step = { service: 'a', lifecycle: 'transition', event: 'X', from: 'A', state: 'B' } as const
  const variants = [first, step, { ...step, service: 'b' }, { ...step, event: 'Y' }, { ...step, from: 'B' }]
  const all = [...variants, { ...step, state: 'A' }, { ...step, lifecycle: 'note' as const }]
  expect(new Set(all.map(kindKey)).size).toBe(all.length)
  expect(kindKey({ ...step })).toBe(kindKey(step))
})
