import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { Histories } from '../../src/history/history.ts'
import { compile } from '../../src/machine/compile.ts'
import { storyMermaid } from '../../src/story/mermaid.ts'
import type { StoryLine } from '../../src/story/report.ts'
import { buildStory } from '../../src/story/story.ts'
import { storyText } from '../../src/story/text.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { BEGUN, note, TRACE, transition, transitions } from '../sample-log.ts'

const table = compile(requestMachine)
const ID = (index: number): string => `b7ad6b71692033${String(10 + index)}`

function formatsOf(
  records: readonly LifecycleRecord[],
  lines: readonly StoryLine[] = [],
): { readonly text: string; readonly diagram: string } {
  const histories = new Histories()
  for (const record of records) histories.add(record)
  const report = buildStory(TRACE, histories, lines, table)
  if (report === undefined) throw new Error('the story is empty')
  return { text: storyText(report, 500), diagram: storyMermaid(report) }
}

describe('the waterfall shows every request and line', () => {
  // A parent may be any request, including the request itself and one that is not logged.
  const parentIndexes = fc.array(fc.option(fc.nat(9), { nil: undefined }), { minLength: 1, maxLength: 8 })

  test('of random parents', () => {
    fc.assert(
      fc.property(parentIndexes, fc.array(fc.nat(5_000), { minLength: 8, maxLength: 8 }), (parents, starts) => {
        const records = parents.map((parent, index) =>
          transition({
            request_id: ID(index),
            time: BEGUN + (starts[index] ?? 0),
            ...(parent === undefined ? {} : { parent_id: ID(parent) }),
          }),
        )
        const own = parents.map((_, index): StoryLine => ({
          time: BEGUN,
          service: 'gateway',
          request_id: ID(index),
          level: 30,
          msg: `line of ${ID(index)}`,
        }))
        const { text } = formatsOf(records, own)
        for (const index of parents.keys()) {
          expect(text.split(`[${ID(index)}]`), ID(index)).toHaveLength(2)
          expect(text.split(`line of ${ID(index)}`)).toHaveLength(2)
        }
      }),
    )
  })

  test('with clocks beyond the range of dates', () => {
    for (const time of [1e300, -1e300, 8.64e15 + 1, 0, 0.5]) {
      const { text, diagram } = formatsOf([
        ...transitions(['AUTH_OK']),
        transition({ request_id: ID(1), time, parent_id: ID(2) }),
        note('X', { time }),
      ])
      expect(text).toContain(`[${ID(1)}]`)
      expect(diagram).toMatch(/^sequenceDiagram\n/)
    }
  })

  test('of a request with 200,000 notes', () => {
    const many = Array.from({ length: 200_000 }, (_, index) => note('TICK', { time: BEGUN + index }))
    expect(formatsOf([transition(), ...many]).text.split('\n').length).toBeGreaterThan(200_000)
  })
})
