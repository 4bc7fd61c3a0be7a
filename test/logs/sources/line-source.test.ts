import { expect, test } from 'vitest'
import { lineSource } from '../../../src/logs/sources/line-source.ts'
import { transition } from '../../sample-log.ts'

test('lineSource yields entries with a line number, in batches', async () => {
  const source = lineSource(Array.from({ length: 2_000 }, () => transition()))
  const batches = []
  for await (const batch of source.entries()) batches.push(batch)
  expect(batches.map((batch) => batch.length)).toEqual([1_024, 976])
  expect(batches.at(-1)?.at(-1)).toMatchObject({ kind: 'record', file: '', line: 2_000 })
  expect([source.names, source.rereadable]).toEqual([[], false])
})
