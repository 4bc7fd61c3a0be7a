import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { applyPartialRecords } from '../../src/history/apply-partial-records.ts'
import type { RequestAssessment } from '../../src/history/assess.ts'
import { MAX_CANDIDATES } from '../../src/history/upper-bound.ts'
import { compile } from '../../src/machine/compile.ts'
import { recoverPartialRecord, type PartialRecord } from '../../src/record/partial-record.ts'
import type { TransitionRecord } from '../../src/record/record.ts'
import { BEGUN, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { assessmentsOf } from './histories.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)
const OTHER = { trace_id: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6072', request_id: 'b7ad6b7169203332' }

const completed = transition({
  seq: 4,
  event: 'COMPLETE',
  from: 'Queued',
  state: 'Completed',
  service: 'worker',
  attempt: 1,
  time: BEGUN + 9_000,
})

/** A line as it is logged. */
function lineOf({
  lifecycle,
  time,
  service,
  event,
  from,
  state,
  trace_id,
  request_id,
  ...rest
}: TransitionRecord): string {
  const fields = { level: 30, time, service, lifecycle, event, from, state, trace_id, request_id, ...rest }
  return JSON.stringify({ ...fields, msg: from === undefined ? state : `${from} -> ${state}` })
}

/** What is left of a line of which the second half is lost: neither the request id nor the `seq`. */
function firstHalf(record: TransitionRecord | undefined): PartialRecord {
  const line = record === undefined ? '' : lineOf(record)
  const partial = recoverPartialRecord(line.slice(0, line.length >> 1))
  if (partial === undefined) throw new Error('nothing is left of the line')
  return partial
}

/** The same partial record with its keys in the reverse order. */
function reversed({ isWholeTrace, ...partial }: PartialRecord): PartialRecord {
  return { ...Object.fromEntries(Object.entries(partial).reverse()), isWholeTrace }
}

/** The assessments by request id, after `damaged` lines were cut in half and `partials` were found. */
function applied(
  records: readonly TransitionRecord[],
  damaged: readonly (TransitionRecord | undefined)[],
  by = table,
  partials: readonly PartialRecord[] = [],
): Record<string, RequestAssessment> {
  const whole = records.filter((record) => !damaged.includes(record))
  const assessments = applyPartialRecords(assessmentsOf(whole, by), [...damaged.map(firstHalf), ...partials], by)
  return Object.fromEntries(assessments.map((assessment) => [assessment.history.requestId, assessment]))
}

/** The states of the requests whose lines are all whole, after partial records. */
function states(records: readonly TransitionRecord[], ...partials: readonly PartialRecord[]): Record<string, string> {
  const entries = Object.entries(applied(records, [], table, partials))
  return Object.fromEntries(entries.map(([requestId, { position }]) => [requestId, position.state]))
}

describe('the first half of a line', () => {
  test('that ended a request ends it, and the line remains missing', () => {
    const records = transitions(SYNC)
    expect(applied(records, [records[3]])[REQUEST]).toMatchObject({
      ended: true,
      position: { state: 'Responded', since: BEGUN + 3_000, service: 'gateway', seq: 3 },
      missing: [3],
    })
  })

  test('of a transition moves the request forward', () => {
    const records = transitions(['AUTH_OK', 'PROCESS'])
    expect(applied(records, [records[2]])[REQUEST]).toMatchObject({
      ended: false,
      position: { state: 'Processing', since: BEGUN + 2_000, seq: 2 },
      missing: [2],
    })
  })

  test('that fills a gap has no effect on another request', () => {
    const whole = transitions(SYNC)
    const hanging = transitions(['AUTH_OK'], OTHER, 500)
    const assessments = applied([...whole, ...hanging], [whole[2]])
    expect(assessments[REQUEST]).toMatchObject({ ended: true, missing: [2] })
    expect(assessments[OTHER.request_id]).toMatchObject({ position: { state: 'Authenticated' }, missing: [] })
  })

  test('moves another request once the gap is filled', () => {
    const whole = transitions(SYNC)
    const moving = transitions(['AUTH_OK', 'PROCESS'], OTHER, -100)
    const assessments = applied([...whole, ...moving], [whole[2], moving[2]])
    expect(assessments[OTHER.request_id]).toMatchObject({ position: { state: 'Processing' }, missing: [2] })
  })

  test('that ended a request does not fill a gap of two lines, where no end can be', () => {
    const incomplete = transitions(SYNC)
    const ended = transitions(SYNC, OTHER, -1_500)
    const assessments = applied([...incomplete, ...ended], [incomplete[1], incomplete[2], ended[3]])
    expect(assessments[REQUEST]).toMatchObject({ ended: true, missing: [1, 2] })
    expect(assessments[OTHER.request_id]).toMatchObject({ ended: true, missing: [3] })
  })

  test.each([
    ['of another service', { service: 'catalog' }, 0],
    ['of a time before the request started', {}, 60_000],
  ])('%s does not move a request', (_, service, start) => {
    const ended = transitions(SYNC)
    const hanging = transitions(['AUTH_OK', 'PROCESS'], { ...OTHER, ...service }, start)
    const assessments = applied([...ended, ...hanging], [ended[3]])
    expect(assessments[OTHER.request_id]).toMatchObject({ ended: false, missing: [] })
    expect(assessments[REQUEST]).toMatchObject({ ended: true, missing: [3] })
  })

  test('of a worker moves a request of another service, if it is queued', () => {
    expect(applied([...transitions(QUEUED), completed], [completed])[REQUEST]).toMatchObject({
      ended: true,
      position: { service: 'worker' },
      missing: [4],
    })
  })

  test('is missing, even if another attempt has a line with the same seq', () => {
    const attempt = (number: number, seq: number, event: string, from: string, state: string): TransitionRecord =>
      transition({ attempt: number, seq, event, from, state, service: 'worker', time: BEGUN + 10_000 * number + seq })
    const end = attempt(2, 5, 'COMPLETE', 'Working', 'Completed')
    const records = [
      ...transitions(QUEUED, {}, 0, retries),
      attempt(1, 4, 'ATTEMPT', 'Queued', 'Working'),
      attempt(1, 5, 'RETRY', 'Working', 'Queued'),
      attempt(2, 4, 'ATTEMPT', 'Queued', 'Working'),
      end,
    ]
    expect(applied(records, [end], retries)[REQUEST]).toMatchObject({ ended: true, missing: [5] })
  })

  test('is missing in order of seq, even if an earlier attempt came further', () => {
    const line = (attempt: number, seq: number, event: string, from: string, state: string): TransitionRecord =>
      transition({ attempt, seq, event, from, state, time: BEGUN + 10_000 * attempt + seq })
    const end = line(2, 5, 'RETRY', 'Working', 'Queued')
    const records = [
      ...transitions(QUEUED, {}, 0, retries),
      line(1, 4, 'ATTEMPT', 'Queued', 'Working'),
      line(1, 5, 'RETRY', 'Working', 'Queued'),
      line(1, 7, 'RETRY', 'Working', 'Queued'),
      line(2, 4, 'ATTEMPT', 'Queued', 'Working'),
      end,
    ]
    expect(applied(records, [end], retries)[REQUEST]).toMatchObject({ position: { seq: 5 }, missing: [5, 6] })
  })

  test('counts once, even if the line is repeated', () => {
    const two = [...transitions(SYNC), ...transitions(SYNC, OTHER, 100)]
    const half = firstHalf(two[7])
    const assessments = applied(
      two.filter(({ seq }) => seq < 3),
      [],
      table,
      [half, { ...half }, reversed(half)],
    )
    expect(Object.values(assessments).map(({ ended }) => ended)).toEqual([false, true])
  })
})

test.each([
  ['the second half', (line: string) => line.slice(line.indexOf('"request_id"'))],
  ['all but the last two characters', (line: string) => line.slice(0, -2)],
])('%s of a line moves the request that it names, regardless of the clocks', (_, damage) => {
  const queued = [...transitions(QUEUED), ...transitions(QUEUED, OTHER, 500)]
  const partial = recoverPartialRecord(damage(lineOf({ ...completed, time: BEGUN - 60_000 })))
  if (partial === undefined) throw new Error('nothing is left of the line')
  const assessments = applied(queued, [], table, [partial])
  expect(assessments[REQUEST]).toMatchObject({ ended: true, missing: [4] })
  expect(assessments[OTHER.request_id]).toMatchObject({ ended: false, missing: [] })
})

test('a line with an absurd seq adds no more than 1,000 missing lines', () => {
  const partial = { isWholeTrace: false, requestSuffix: REQUEST, seq: 999_999, from: 'Processing', state: 'Responded' }
  expect(applied(transitions(['AUTH_OK']), [], table, [partial])[REQUEST]?.missing).toHaveLength(1_000)
})

describe('of the latest attempt, which repeats the numbers of the attempt before,', () => {
  const attempt = (number: number): TransitionRecord[] => [
    transition({
      attempt: number,
      seq: 4,
      event: 'ATTEMPT',
      from: 'Queued',
      state: 'Working',
      time: BEGUN + 10_000 * number,
    }),
    transition({
      attempt: number,
      seq: 5,
      event: 'RETRY',
      from: 'Working',
      state: 'Queued',
      time: BEGUN + 11_000 * number,
    }),
  ]
  const end = transition({
    attempt: 2,
    seq: 5,
    event: 'COMPLETE',
    from: 'Working',
    state: 'Completed',
    time: BEGUN + 25_000,
  })
  const queued = [...transitions(QUEUED, {}, 0, retries), ...attempt(1)]
  const latterHalf = (record: TransitionRecord | undefined): PartialRecord | undefined => {
    const line = record === undefined ? '' : lineOf(record)
    return recoverPartialRecord(line.slice(line.indexOf('"request_id"')))
  }

  test.each([
    ['both lines', [attempt(2)[0], end]],
    ['the last line', [end]],
  ])('the second half of %s ends the request', (_, damaged) => {
    const partials = damaged.flatMap((record) => latterHalf(record) ?? [])
    expect(partials).toHaveLength(damaged.length)
    expect(applied(queued, [], retries, partials)[REQUEST]).toMatchObject({
      ended: true,
      position: { attempt: 2, seq: 5 },
    })
  })

  test('lines that lost their attempt, too, end the request: they come after the retry', () => {
    const partials = [attempt(2)[0], end].flatMap((record) => {
      const line = record === undefined ? '' : lineOf(record)
      return recoverPartialRecord(line.replace('"attempt":2,', '').slice(0, -5)) ?? []
    })
    expect(partials.map(({ seq, attempt: number }) => [seq, number])).toEqual([
      [4, undefined],
      [5, undefined],
    ])
    expect(applied(queued, [], retries, partials)[REQUEST]).toMatchObject({
      ended: true,
      position: { attempt: 2, seq: 5 },
    })
  })

  test('the end of the attempt before ends the request while this one is under way', () => {
    const first = latterHalf({ ...end, attempt: 1 })
    const begun = [...transitions(QUEUED, {}, 0, retries), ...attempt(1).slice(0, 1), ...attempt(2).slice(0, 1)]
    const partials = first === undefined ? [] : [first]
    expect(applied(begun, [], retries, partials)[REQUEST]).toMatchObject({ ended: true, position: { attempt: 1 } })
  })

  test('a retry of the attempt before moves nothing while this one is under way', () => {
    const begun = [...transitions(QUEUED, {}, 0, retries), ...attempt(1).slice(0, 1), ...attempt(2).slice(0, 1)]
    const retry = latterHalf(attempt(1)[1])
    const partials = retry === undefined ? [] : [retry]
    expect(partials).toHaveLength(1)
    expect(applied(begun, [], retries, partials)[REQUEST]).toMatchObject({
      position: { state: 'Working', attempt: 2, seq: 4 },
      missing: [],
    })
  })

  test('the line of an attempt fills its own gap, and moves no other request', () => {
    const other = transitions(QUEUED, OTHER, 0, retries)
    const lines = [...queued, end, ...other]
    const [begun] = attempt(2)
    const whole = begun === undefined ? '' : lineOf(begun)
    const partial = recoverPartialRecord(whole.slice(0, whole.indexOf('"trace_id"')))
    const assessments = applied(lines, [], retries, partial === undefined ? [] : [partial])
    expect(partial).toMatchObject({ from: 'Queued', state: 'Working' })
    expect(assessments[OTHER.request_id]).toMatchObject({ ended: false, position: { state: 'Queued' }, missing: [] })
  })

  test('a line of the attempt before moves nothing', () => {
    const before = latterHalf(attempt(1)[0])
    if (before === undefined) throw new Error('nothing is left of the line')
    const assessment = applied([...queued, ...attempt(2)], [], retries, [before])[REQUEST]
    expect(assessment).toMatchObject({ ended: false, position: { state: 'Queued', attempt: 2, seq: 5 } })
  })
})

test('without partial records, the assessments are the same', () => {
  const assessments = assessmentsOf([...transitions(SYNC), ...transitions(QUEUED, OTHER)], table)
  const result = applyPartialRecords(assessments, [], table)
  expect(result).not.toBe(assessments)
  expect(result).toEqual(assessments)
})

test('requests that no partial record moves keep their assessment', () => {
  const assessments = assessmentsOf([...transitions(['AUTH_OK']), ...transitions(SYNC, OTHER)], table)
  const result = applyPartialRecords(assessments, [{ isWholeTrace: false, time: BEGUN, state: 'Nowhere' }], table)
  expect(result.map((assessment, index) => assessment === assessments[index])).toEqual([true, true])
})

describe('which request is moved', () => {
  const responded = { isWholeTrace: false, time: BEGUN + 60_000, from: 'Processing', state: 'Responded' } as const
  const processing = ['AUTH_OK', 'PROCESS']
  const [A, B] = ['b7ad6b71692033aa', 'b7ad6b71692033bb']
  const two = (first: number, second: number): TransitionRecord[] => [
    ...transitions(processing, { request_id: A }, first),
    ...transitions(processing, { request_id: B }, second),
  ]

  test('the one that entered its state last', () => {
    expect(states(two(0, 500), responded)).toEqual({ [A]: 'Processing', [B]: 'Responded' })
    expect(states(two(500, 0), responded)).toEqual({ [A]: 'Responded', [B]: 'Processing' })
  })

  test('of those that had entered their state by then', () => {
    expect(states(two(0, 500), { ...responded, time: BEGUN + 2_499 })).toEqual({ [A]: 'Responded', [B]: 'Processing' })
    expect(states(two(0, 500), { ...responded, time: BEGUN + 2_500 })).toEqual({ [A]: 'Processing', [B]: 'Responded' })
    expect(states(two(0, 500), { ...responded, time: BEGUN + 1_999 })).toEqual({ [A]: 'Processing', [B]: 'Processing' })
  })

  test('not one that was queued later, even if the clock of the worker may be behind', () => {
    const partial = { ...responded, from: 'Queued', state: 'Completed', service: 'worker' }
    const queued = transitions(QUEUED, { request_id: A })
    expect(states(queued, { ...partial, time: BEGUN + 2_999 })).toEqual({ [A]: 'Queued' })
    expect(states(queued, { ...partial, time: BEGUN + 2_999, requestSuffix: A })).toEqual({ [A]: 'Completed' })
    expect(states(queued, { ...partial, time: BEGUN + 3_000 })).toEqual({ [A]: 'Completed' })
  })

  test('the last one by key, if they entered their state at the same time', () => {
    expect(states(two(0, 0), responded)).toEqual({ [A]: 'Processing', [B]: 'Responded' })
    expect(states(two(0, 0).reverse(), responded)).toEqual({ [A]: 'Processing', [B]: 'Responded' })
  })

  test('another one for each partial record', () => {
    const later = { ...responded, time: BEGUN + 61_000 }
    expect(states(two(0, 500), responded, later)).toEqual({ [A]: 'Responded', [B]: 'Responded' })
  })

  test('the one whose request id ends with the given digits, regardless of trace and service', () => {
    const named = {
      ...responded,
      requestSuffix: '2033aa',
      service: 'catalog',
      tracePrefix: 'other',
      isWholeTrace: true,
    }
    expect(states(two(0, 500), named)).toEqual({ [A]: 'Responded', [B]: 'Processing' })
    expect(states(two(0, 500), { ...named, requestSuffix: '2033cc' })).toEqual({ [A]: 'Processing', [B]: 'Processing' })
    expect(states(two(0, 500), { ...named, requestSuffix: A })).toEqual({ [A]: 'Responded', [B]: 'Processing' })
  })

  test('the latest one whose request id ends with the digits, even if they are the whole id of another one', () => {
    const records = [
      ...transitions(processing, { request_id: '692033aa' }),
      ...transitions(processing, { request_id: A }, 500),
    ]
    expect(states(records, { ...responded, requestSuffix: '692033aa' })).toEqual({
      '692033aa': 'Processing',
      [A]: 'Responded',
    })
  })

  test('none, if the request that is named has ended', () => {
    const records = [...two(0, 500), ...transitions(SYNC, OTHER)]
    expect(states(records, { ...responded, requestSuffix: OTHER.request_id })).toMatchObject({
      [A]: 'Processing',
      [B]: 'Processing',
    })
  })

  test('the one whose trace id is the given one or starts with it', () => {
    const records = [
      ...transitions(processing, { request_id: A }),
      ...transitions(processing, { request_id: B, trace_id: `${TRACE.slice(0, 20)}f${TRACE.slice(21)}` }, 500),
    ]
    const moved = (tracePrefix: string, isWholeTrace: boolean): string[] =>
      Object.values(states(records, { ...responded, tracePrefix, isWholeTrace }))
    expect(moved(TRACE, true)).toEqual(['Responded', 'Processing'])
    expect(moved(TRACE.replaceAll('-', '').toUpperCase(), true)).toEqual(['Responded', 'Processing'])
    expect(moved(TRACE.slice(0, 25), false)).toEqual(['Responded', 'Processing'])
    expect(moved(TRACE.slice(0, 20), false)).toEqual(['Processing', 'Responded'])
    expect(moved(TRACE.slice(0, 20), true)).toEqual(['Processing', 'Processing'])
    expect(moved('other', false)).toEqual(['Processing', 'Processing'])
  })

  test('without a time and a request id, the only one that it can belong to', () => {
    const { time: _, ...timeless } = responded
    expect(states(two(0, 500), timeless)).toEqual({ [A]: 'Processing', [B]: 'Processing' })
    expect(states(two(0, 500), { ...timeless, requestSuffix: '2033aa' })).toEqual({
      [A]: 'Responded',
      [B]: 'Processing',
    })
    // Both requests match these digits: the latest one is moved.
    expect(states(two(500, 0), { ...timeless, requestSuffix: '' })).toEqual({ [A]: 'Responded', [B]: 'Processing' })
    const one = [...transitions(processing, { request_id: A }), ...transitions([], { request_id: B })]
    expect(states(one, { ...timeless, from: 'Received', state: 'Authenticated' })).toEqual({
      [A]: 'Processing',
      [B]: 'Authenticated',
    })
    expect(states(transitions(processing, { request_id: A }), timeless)).toEqual({ [A]: 'Responded' })
    expect(applied(transitions(processing), [], table, [timeless])[REQUEST]?.position.since).toBe(BEGUN + 2_000)
  })

  test('a limited number of requests is examined', () => {
    const [assessment] = assessmentsOf(transitions(processing), table)
    if (assessment === undefined) throw new Error('expected an assessment')
    const open = Array.from({ length: MAX_CANDIDATES + 1 }, (_, index): RequestAssessment => {
      const service = `service-${String(index)}`
      return { ...assessment, position: { ...assessment.position, service, since: BEGUN + index } }
    })
    const ended = (service: string): number =>
      applyPartialRecords(open, [{ ...responded, service }], table).findIndex((result) => result.ended)
    expect(ended('service-0')).toBe(-1)
    expect(ended('service-1')).toBe(1)
    expect(ended(`service-${String(MAX_CANDIDATES)}`)).toBe(MAX_CANDIDATES)
  })

  test('a request that is named is found among any number of requests', () => {
    const [assessment] = assessmentsOf(transitions(processing), table)
    if (assessment === undefined) throw new Error('expected an assessment')
    const open = Array.from({ length: MAX_CANDIDATES + 1 }, (_, index): RequestAssessment => {
      const requestId = `b7ad6b71692${String(index).padStart(5, '0')}`
      return { ...assessment, history: { ...assessment.history, key: requestId, requestId } }
    })
    const ended = (requestSuffix: string): number =>
      applyPartialRecords(open, [{ ...responded, requestSuffix }], table).findIndex((result) => result.ended)
    expect(ended('b7ad6b7169200000')).toBe(0)
    expect(ended('7ad6b7169200000')).toBe(-1)
    expect(ended('7ad6b7169200001')).toBe(1)
  })
})

describe('where a request is moved to', () => {
  const at = (events: readonly string[], partial: Partial<PartialRecord>, by = table): object => {
    const partials = [{ isWholeTrace: false, time: BEGUN + 60_000, ...partial }]
    const { position, missing } = applied(transitions(events, {}, 0, by), [], by, partials)[REQUEST] ?? {}
    return { state: position?.state, seq: position?.seq, missing }
  }
  const unmoved = { state: 'Authenticated', seq: 1, missing: [] }

  test.each<[what: string, partial: Partial<PartialRecord>, expected: object]>([
    ['its state', { state: 'Processing' }, { state: 'Processing', seq: 2, missing: [2] }],
    [
      'a state after missing lines',
      { state: 'Queued', from: 'Processing' },
      { state: 'Queued', seq: 3, missing: [2, 3] },
    ],
    ['the seq that is given', { state: 'Queued', seq: 3 }, { state: 'Queued', seq: 3, missing: [2, 3] }],
    ['the only next state', {}, { state: 'Processing', seq: 2, missing: [2] }],
    [
      'the next state by its event',
      { from: 'Processing', event: 'ENQUEUE' },
      { state: 'Queued', seq: 3, missing: [2, 3] },
    ],
    ['the only next state by its event', { event: 'PROCESS' }, { state: 'Processing', seq: 2, missing: [2] }],
  ])('%s', (_, partial, expected) => {
    expect(at(['AUTH_OK'], partial)).toEqual(expected)
  })

  test.each<[what: string, partial: Partial<PartialRecord>]>([
    ['there are several next states', { from: 'Processing' }],
    ['the event is not accepted', { event: 'ENQUEUE' }],
    ['the state is unknown', { state: 'Nowhere' }],
    ['the state before is unknown', { from: 'Nowhere', state: 'Processing' }],
    ['the state before is unknown, without a state', { from: 'Nowhere' }],
    ['no path leads to the state', { state: 'Failed' }],
    ['no path leads from the state before', { from: 'Queued', state: 'Responded' }],
    ['no path leads to the state before', { from: 'Received', state: 'Failed' }],
    ['its state is the same', { state: 'Authenticated' }],
    ['its seq is the same', { state: 'Processing', seq: 1 }],
    ['its seq is lower', { state: 'Processing', seq: 0 }],
    ['its time is earlier in the same service', { state: 'Processing', time: BEGUN + 999, requestSuffix: REQUEST }],
    ['its service is another one', { state: 'Processing', service: 'worker' }],
  ])('nowhere, if %s', (_, partial) => {
    expect(at(['AUTH_OK'], partial)).toEqual(unmoved)
  })

  test('its state, at the time of the line before', () => {
    expect(at(['AUTH_OK'], { state: 'Processing', time: BEGUN + 1_000, service: 'gateway' })).toMatchObject({
      state: 'Processing',
    })
  })

  test('the state of a later line, if the lines are damaged in a row, whatever the order of reading', () => {
    const records = transitions(SYNC)
    for (const damaged of [records.slice(1), records.slice(1).reverse()])
      expect(applied(records, damaged)[REQUEST]).toMatchObject({ position: { state: 'Responded' }, missing: [1, 2, 3] })
  })

  test('an earlier line without a time is applied first', () => {
    const [first, second] = [{ state: 'Authenticated' }, { from: 'Authenticated', state: 'Processing' }].map(
      (fields) => ({ isWholeTrace: false, requestSuffix: REQUEST, ...fields }),
    )
    if (first === undefined || second === undefined) throw new Error('expected two partial records')
    for (const partials of [
      [first, { ...second, time: BEGUN + 1 }],
      [{ ...second, time: BEGUN + 1 }, first],
    ])
      expect(applied(transitions([]), [], table, partials)[REQUEST]).toMatchObject({
        position: { state: 'Processing', seq: 2 },
        missing: [1, 2],
      })
  })

  test('partial records of the same time are applied in a fixed order', () => {
    const [a, b] = [
      { isWholeTrace: false, time: BEGUN + 9_000, event: 'RESPOND', from: 'Processing', state: 'Responded' },
      { isWholeTrace: false, time: BEGUN + 9_000, event: 'ENQUEUE', from: 'Processing', state: 'Queued' },
    ] as const
    const records = transitions(['AUTH_OK', 'PROCESS'])
    for (const partials of [
      [a, b],
      [b, a],
    ])
      expect(applied(records, [], table, partials)[REQUEST]?.position.state).toBe('Queued')
  })
})
