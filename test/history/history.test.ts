import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Histories, requestIds, requestKey } from '../../src/history/history.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { BEGUN, note, QUEUED, REQUEST, TRACE, transition, transitions } from '../sample-log.ts'
import { historiesOf, singleHistory } from './histories.ts'
import { propertyRuns } from '../property-runs.ts'

const completed = (attempt: number, time: number): LifecycleRecord =>
  transition({ seq: 4, event: 'COMPLETE', from: 'Queued', state: 'Completed', attempt, time: BEGUN + time })

describe('a history', () => {
  test('is in order of attempt and seq, regardless of the clocks', () => {
    const skewed = [completed(2, 1), completed(1, 2), ...transitions(QUEUED, {}, 50_000)].reverse()
    const { transitions: ordered } = singleHistory(skewed)
    expect(ordered.map(({ record }) => [record.attempt ?? 0, record.seq])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 3],
      [1, 4],
      [2, 4],
    ])
  })

  test('has transitions with the same attempt and seq in order of time', () => {
    const { transitions: ordered } = singleHistory([5, 3, 4].map((time) => transition({ time })))
    expect(ordered.map(({ record }) => record.time)).toEqual([3, 4, 5])
  })

  test('has its notes in order of time, then of lifecycle and event, each once', () => {
    const rejected = note('A', { lifecycle: 'rejected', time: 2 })
    const notes = [rejected, ...[2, 1, 2].flatMap((time) => [note('B', { time }), note('A', { time })])]
    expect(
      singleHistory(notes).notes.map(({ record: { lifecycle, event, time } }) => [time, lifecycle, event]),
    ).toEqual([
      [1, 'note', 'A'],
      [1, 'note', 'B'],
      [2, 'note', 'A'],
      [2, 'note', 'B'],
      [2, 'rejected', 'A'],
    ])
  })

  test('has its transitions and its notes apart', () => {
    const { transitions: steps, notes } = singleHistory([...transitions(QUEUED), note('A', { time: 2 })])
    expect([steps.map(({ record }) => record.seq), notes.map(({ record }) => record.lifecycle)]).toEqual([
      [0, 1, 2, 3],
      ['note'],
    ])
  })

  test('has the notes of each attempt', () => {
    const notes = [1, 2, 1].map((attempt) => note('ATTEMPT', { attempt, time: 2 }))
    expect(singleHistory(notes).notes.map(({ record }) => record.attempt)).toEqual([1, 2])
  })

  test('has lines that differ only in from in one order', () => {
    const step = { seq: 1, event: 'AUTH_OK', state: 'Authenticated' }
    const [a, b] = [transition({ ...step, from: 'A' }), transition({ ...step, from: 'B' })]
    for (const records of [
      [a, b],
      [b, a],
    ])
      expect(singleHistory(records).transitions.map(({ record }) => record.from)).toEqual(['A', 'B'])
  })

  test('is the same in whatever order its records are read', () => {
    const service = fc.constantFrom('gateway', 'worker')
    const state = fc.constantFrom('Queued', 'Completed')
    const attempt = fc.option(fc.constantFrom(1, 2), { nil: undefined })
    const optional = fc.option(fc.constantFrom('A', 'B'), { nil: undefined })
    const common = { time: fc.constantFrom(1, 2), service, state }
    const records = fc.oneof(
      fc
        .record({ ...common, seq: fc.constantFrom(3, 4), event: optional, from: optional, attempt })
        .map(({ event, from, attempt: number, ...fields }) =>
          transition({
            ...fields,
            ...(event === undefined ? {} : { event }),
            ...(from === undefined ? {} : { from }),
            ...(number === undefined ? {} : { attempt: number }),
          }),
        ),
      fc
        .record({
          ...common,
          lifecycle: fc.constantFrom('note', 'rejected', 'stuck'),
          event: fc.constantFrom('A', 'B'),
          attempt,
        })
        .map(({ event, attempt: number, ...fields }) =>
          note(event, { ...fields, ...(number === undefined ? {} : { attempt: number }) }),
        ),
    )
    const shuffled = fc
      .array(records, { minLength: 1, maxLength: 20 })
      .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        expect(singleHistory(other)).toEqual(singleHistory(all))
      }),
      { numRuns: propertyRuns(300) },
    )
  })

  test.each([
    ['lifecycle', { lifecycle: 'rejected' }],
    ['attempt', { attempt: 1 }],
    ['time', { time: 0 }],
    ['event', { event: 'B' }],
    ['state', { state: 'Queued' }],
    ['service', { service: 'worker' }],
  ] as const)('has two notes that differ in their %s', (_, fields) => {
    expect(singleHistory([note('A'), { ...note('A'), ...fields }]).notes).toHaveLength(2)
  })

  test.each([
    ['attempt', { attempt: 1 }],
    ['seq', { seq: 1 }],
    ['time', { time: 0 }],
    ['from', { from: 'Queued' }],
    ['event', { event: 'B' }],
    ['state', { state: 'Queued' }],
    ['service', { service: 'worker' }],
  ] as const)('has two transitions that differ in their %s', (_, fields) => {
    expect(singleHistory([transition(), transition(fields)]).transitions).toHaveLength(2)
  })

  test('has a repeated record once, even if only one copy has data', () => {
    expect(singleHistory([transition(), transition({ data: 1 })]).transitions).toHaveLength(1)
    expect(singleHistory([note('A'), note('A', { data: 1 })]).notes).toHaveLength(1)
  })

  test.each([
    [
      ['b', 'a'],
      [7, 3],
    ],
    [
      ['a', 'b'],
      [7, 3],
    ],
    [
      ['b', 'a'],
      [3, 7],
    ],
    [
      ['a', 'b'],
      [3, 7],
    ],
  ])('has the first place by file name and line of a repeated record, read in files %j, lines %j', (files, lines) => {
    const histories = new Histories()
    for (const file of files) for (const line of lines) histories.add(transition(), file, line)
    expect([...histories].flatMap(({ transitions: found }) => found)).toEqual([
      { record: transition(), file: 'a', line: 3 },
    ])
  })

  test('has the place in the first file, even if its line number is higher', () => {
    const histories = new Histories()
    histories.add(transition(), 'a', 7)
    histories.add(transition(), 'b', 3)
    expect([...histories].flatMap(({ transitions: found }) => found)).toMatchObject([{ file: 'a', line: 7 }])
  })

  test('has the first of two copies in the same place', () => {
    const histories = new Histories()
    histories.add(transition({ data: 1 }), 'a', 3)
    histories.add(transition({ data: 2 }), 'a', 3)
    expect([...histories].flatMap(({ transitions: found }) => found)).toMatchObject([{ record: { data: 1 } }])
  })

  test('has no place if its records were not read from a log', () => {
    const histories = new Histories()
    histories.add(transition())
    expect([...histories].flatMap(({ transitions: found }) => found)).toEqual([
      { record: transition(), file: '', line: 0 },
    ])
  })
})

test('there is one history for each request of each trace', () => {
  const records = [transition(), transition({ request_id: 'b7ad6b7169203332' }), transition({ trace_id: 'abc-123' })]
  const histories = new Histories()
  for (const record of [...records, ...records]) histories.add(record)
  expect(histories.size).toBe(3)
  expect([...histories].map(({ traceId, requestId }) => [traceId, requestId])).toEqual(
    records.map(({ trace_id, request_id }) => [trace_id, request_id]),
  )
})

test('all forms of a trace id are one trace, shown with dashes', () => {
  const hex = TRACE.replaceAll('-', '')
  const forms = [hex, hex.toUpperCase(), TRACE, TRACE.toUpperCase()]
  const [history, ...others] = historiesOf(forms.map((trace_id, time) => transition({ trace_id, time })))
  expect(others).toEqual([])
  expect(history).toMatchObject({ key: `${hex} ${REQUEST}`, traceId: TRACE, requestId: REQUEST })
  expect(history?.transitions).toHaveLength(4)
})

test('requestIds and requestKey give the ids of a request', () => {
  expect(requestIds('Order:7', REQUEST)).toEqual({
    key: `Order:7 ${REQUEST}`,
    traceId: 'Order:7',
    requestId: REQUEST,
  })
  expect(requestKey(TRACE.toUpperCase(), REQUEST)).toBe(requestKey(TRACE, REQUEST))
})
