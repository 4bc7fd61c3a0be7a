import { describe, expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { Histories, canonicalTraceId, type RequestHistory } from '../../src/history/history.ts'
import { assess } from '../../src/history/assess.ts'
import { compile } from '../../src/machine/compile.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { BEGUN, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'

const table = compile(requestMachine)

function historiesOf(records: readonly LifecycleRecord[]): RequestHistory[] {
  const histories = new Histories()
  for (const record of records) histories.add(record)
  return [...histories]
}

function only(records: readonly LifecycleRecord[]): RequestHistory {
  const [history, ...others] = historiesOf(records)
  if (history === undefined || others.length > 0) throw new Error('not one history')
  return history
}

const seqs = ({ transitions: told }: RequestHistory): unknown =>
  told.map(({ record }) => [record.attempt ?? 0, record.seq])
const completed = (attempt: number, time: number): LifecycleRecord =>
  transition({
    seq: 4,
    event: 'COMPLETE',
    from: 'Queued',
    state: 'Completed',
    attempt,
    time: BEGUN + time,
    outcome: attempt === 1 ? 'error' : 'ok',
  })

describe('a history', () => {
  test('is in order of attempt and seq, whatever the clocks say', () => {
    const skewed = [completed(2, 1), completed(1, 2), ...transitions(QUEUED, {}, 50_000)].reverse()
    expect(seqs(only(skewed))).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 4],
      [2, 4],
    ])
  })

  test('has its notes in order of time, each once', () => {
    const notes = [note('B', { time: 2 }), note('A', { time: 1 }), note('B', { time: 2 }), note('A', { time: 2 })]
    expect(only(notes).notes.map(({ record: { event, time } }) => [event, time])).toEqual([
      ['A', 1],
      ['A', 2],
      ['B', 2],
    ])
  })

  test('stands where its line stands first by name, whichever is read first', () => {
    for (const files of [
      ['b', 'a'],
      ['a', 'b'],
    ]) {
      const histories = new Histories()
      for (const file of files) for (const line of [7, 3]) histories.add(transition(), file, line)
      expect([...histories].flatMap(({ transitions: told }) => told)).toEqual([
        { record: transition(), file: 'a', line: 3 },
      ])
    }
  })

  test('is one for each request of each trace', () => {
    const records = [transition(), transition({ request_id: 'b7ad6b7169203332' }), transition({ trace_id: 'abc-123' })]
    expect(historiesOf([...records, ...records])).toHaveLength(3)
  })
})

test.each([
  [TRACE.toUpperCase(), TRACE.replaceAll('-', '')],
  [TRACE.replaceAll('-', ''), TRACE.replaceAll('-', '')],
  ['ABC-123', 'ABC-123'],
  [`${TRACE}0`, `${TRACE}0`],
])('the key of %s is %s', (id, key) => {
  expect(canonicalTraceId(id)).toBe(key)
})

describe('the verdict', () => {
  test('is that of the first attempt that ended', () => {
    const verdict = assess(only([...transitions(QUEUED), completed(2, 5_000), completed(1, 9_000)]), table)
    expect(verdict).toMatchObject({
      ended: true,
      end: { attempt: 1, outcome: 'error' },
      attempts: 2,
      duplicates: 1,
      invalid: [],
      missing: [],
    })
  })

  test('of two ends of one delivery that do not agree is invalid, not a duplicate', () => {
    const verdict = assess(
      only([
        ...transitions(SYNC),
        transition({ seq: 3, event: 'ENQUEUE', from: 'Processing', state: 'Queued', time: BEGUN + 9_000 }),
      ]),
      table,
    )
    expect(verdict).toMatchObject({
      ended: true,
      duplicates: 0,
      invalid: [{ reason: 'seq 3 is told twice: as Responded and as Queued' }],
    })
  })

  test.each<[what: string, told: Partial<Parameters<typeof note>[1]>, error: object]>([
    ['as our lines tell it', { error: { type: 'TypeError', message: 'a' } }, { type: 'TypeError', message: 'a' }],
    ['under data, as text', { data: { error: 'b' } }, { type: 'Error', message: 'b' }],
    ['under data, as an error', { data: { error: { message: 'c' } } }, { type: 'Error', message: 'c' }],
    ['under data, as anything', { data: { error: { code: 7 } } }, { type: 'Error', message: '{"code":7}' }],
  ])('knows the last error, %s', (_, told, error) => {
    const first = note('RETRY', { error: { type: 'Error', message: 'earlier' }, time: BEGUN })
    expect(assess(only([note('RETRY', { ...told, time: BEGUN + 5 }), first]), table).lastError).toEqual(error)
  })

  test('of a request with notes alone stands where they found it', () => {
    const verdict = assess(only([note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker' })]), table)
    expect(verdict).toMatchObject({
      position: { state: 'Queued', since: BEGUN + 1_000, service: 'worker' },
      ended: false,
      missing: [0],
      history: { requestId: REQUEST },
    })
  })
})
