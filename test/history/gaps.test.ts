import { describe, expect, test } from 'vitest'
import { requestMachine } from '../../machines/request.ts'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { fillGap, findGaps, type Gaps } from '../../src/history/gaps.ts'
import { MAX_CANDIDATES } from '../../src/history/upper-bound.ts'
import { compile } from '../../src/machine/compile.ts'
import type { PartialRecord } from '../../src/record/partial-record.ts'
import type { TransitionRecord } from '../../src/record/record.ts'
import { BEGUN, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'
import { assessmentsOf } from './histories.ts'

const table = compile(requestMachine)
const OTHER = { trace_id: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6072', request_id: 'b7ad6b7169203332' }

/** The gaps of requests whose lines with these `seq`s are missing. */
function gapsOf(records: readonly TransitionRecord[], ...missing: readonly number[]): Gaps {
  return findGaps(
    assessmentsOf(
      records.filter(({ seq }) => !missing.includes(seq)),
      table,
    ),
  )
}

const places = (gaps: Gaps): unknown => gaps.map(({ requestId, before, after }) => [requestId, before.seq, after.seq])

describe('the gaps of requests', () => {
  test('are the missing lines that have a line before and after them', () => {
    expect(places(gapsOf(transitions(SYNC), 1))).toEqual([[REQUEST, 0, 2]])
    expect(places(gapsOf(transitions(SYNC), 1, 2))).toEqual([
      [REQUEST, 0, 3],
      [REQUEST, 0, 3],
    ])
    expect(places(gapsOf(transitions(SYNC), 0))).toEqual([])
    expect(places(gapsOf(transitions(SYNC)))).toEqual([])
  })

  test('have the nearest line before and after', () => {
    const records = transitions([...SYNC, 'RESPOND', 'RESPOND'])
    expect(places(gapsOf(records, 2))).toEqual([[REQUEST, 1, 3]])
  })

  test('are not the missing lines after the last line', () => {
    const ahead = note('CACHE_MISS', { state: 'Processing', time: BEGUN + 9_000 })
    const assessments = assessmentsOf([...transitions(['AUTH_OK']), ahead], table)
    expect(assessments).toMatchObject([{ missing: [2] }])
    expect(places(findGaps(assessments))).toEqual([])
  })

  test('are between other lines than the one of another attempt with the same seq', () => {
    const retries = compile(requestWithRetriesMachine)
    const attempt = (number: number): TransitionRecord[] => [
      transition({ attempt: number, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working' }),
      transition({ attempt: number, seq: 5, event: 'RETRY', from: 'Working', state: 'Queued' }),
    ]
    const records = [...transitions(QUEUED, {}, 0, retries), ...attempt(1), ...attempt(2).slice(1)]
    expect(places(findGaps(assessmentsOf(records, retries)))).toEqual([[REQUEST, 3, 5]])
  })

  test.each([['in one order'], ['in the other']])('of one time are in order of their requests, added %s', (order) => {
    const requests = [transitions(SYNC), transitions(SYNC, OTHER)]
    const records = (order === 'in one order' ? requests : requests.reverse()).flat()
    expect(places(gapsOf(records, 1))).toEqual([
      [REQUEST, 0, 2],
      [OTHER.request_id, 0, 2],
    ])
  })

  test('are in order of the time of the line before', () => {
    const records = [...transitions(SYNC, {}, 500), ...transitions(SYNC, OTHER)]
    expect(places(gapsOf(records, 1))).toEqual([
      [OTHER.request_id, 0, 2],
      [REQUEST, 0, 2],
    ])
    const [missing, alsoMissing] = [transitions(SYNC, {}, 0)[2], transitions(SYNC, OTHER, 500)[1]]
    const others = [...transitions(SYNC), ...transitions(SYNC, OTHER, 500)].filter(
      ({ seq, request_id, time }) =>
        ![missing, alsoMissing].some(
          (line) => line?.seq === seq && line.request_id === request_id && line.time === time,
        ),
    )
    expect(places(gapsOf(others))).toEqual([
      [OTHER.request_id, 0, 2],
      [REQUEST, 1, 3],
    ])
  })
})

describe('a partial record', () => {
  /** All that a line of the sample request contains, at the time of that line. */
  const partialOf = (line: number, fields: Partial<PartialRecord> = {}): PartialRecord => {
    const { time = 0, service = '', event = '', from = '', state = '', seq = 0 } = transitions(SYNC)[line] ?? {}
    return { time, service, event, from, state, seq, tracePrefix: TRACE, isWholeTrace: true, ...fields }
  }

  test('fills a gap that it fits into, once', () => {
    const gaps = gapsOf(transitions(SYNC), 1)
    expect(fillGap(gaps, partialOf(1), table)).toBe(true)
    expect(gaps.map(({ filled }) => filled)).toEqual([true])
    expect(fillGap(gaps, partialOf(1), table)).toBe(false)
  })

  test('fills each of two gaps of one request', () => {
    const gaps = gapsOf(transitions(SYNC), 1, 2)
    expect(fillGap(gaps, partialOf(1), table)).toBe(true)
    expect(fillGap(gaps, partialOf(2), table)).toBe(true)
    expect(fillGap(gaps, partialOf(2), table)).toBe(false)
  })

  test('fills no gap of a request without a whole line of its attempt', () => {
    const retries = compile(requestWithRetriesMachine)
    const second = transition({ attempt: 2, seq: 5, event: 'RETRY', from: 'Working', state: 'Queued' })
    const gaps = findGaps(assessmentsOf([...transitions(QUEUED, {}, 0, retries), second], retries))
    const partial = { isWholeTrace: false, requestSuffix: REQUEST, seq: 4, from: 'Queued', state: 'Working' } as const
    expect(places(gaps)).toEqual([[REQUEST, 3, 5]])
    expect(fillGap(gaps, { ...partial, attempt: 3 }, retries)).toBe(false)
    expect(fillGap(gaps, { ...partial, attempt: 2 }, retries)).toBe(true)
  })

  test('fills a gap before the hand-off, even if an attempt has run into it from another line', () => {
    const partial = {
      isWholeTrace: false,
      event: 'AUTH_OK',
      from: 'Received',
      state: 'Authenticated',
      attempt: 2,
    } as const
    expect(fillGap(gapsOf(transitions(SYNC), 1), partial, table)).toBe(true)
  })

  test('in a gap of two lines, fits with a state on the way between the lines beside it', () => {
    const gaps = gapsOf(transitions(SYNC), 1, 2)
    const partial = { isWholeTrace: false, requestSuffix: REQUEST, event: 'PROCESS', from: 'Authenticated' } as const
    expect(places(gaps)).toEqual([
      [REQUEST, 0, 3],
      [REQUEST, 0, 3],
    ])
    expect(fillGap(gaps, partial, table)).toBe(true)
  })

  test('fills the first gap that it fits into, if it has a request id', () => {
    const gaps = gapsOf(transitions(SYNC), 1, 2)
    const partial = { isWholeTrace: false, time: BEGUN + 1_500, requestSuffix: REQUEST }
    expect(fillGap(gaps, partial, table)).toBe(true)
    expect(gaps.map(({ filled }) => filled)).toEqual([true, false])
  })

  test('fills no gap if there is none', () => {
    expect(fillGap([], partialOf(1), table)).toBe(false)
  })

  test.each<[what: string, fields: Partial<PartialRecord>]>([
    ['the time of the line before', { time: BEGUN }],
    ['the time of the line after', { time: BEGUN + 2_000 }],
    ['the first half of the trace id', { tracePrefix: TRACE.slice(0, 18), isWholeTrace: false }],
    ['the trace id in another form', { tracePrefix: TRACE.replaceAll('-', '').toUpperCase() }],
    ['the last digits of the request id', { requestSuffix: REQUEST.slice(-6) }],
    ['the whole request id', { requestSuffix: REQUEST }],
  ])('fits with %s', (_, fields) => {
    expect(fillGap(gapsOf(transitions(SYNC), 1), partialOf(1, fields), table)).toBe(true)
  })

  test.each<[what: string, fields: Partial<PartialRecord>]>([
    ['a time before the line before', { time: BEGUN - 1 }],
    ['a time before the line before, and the request id', { time: BEGUN - 1, requestSuffix: REQUEST }],
    ['a time after the line after', { time: BEGUN + 2_001 }],
    ['another service', { service: 'catalog' }],
    ['the seq of the line before', { seq: 0 }],
    ['the seq of the line after', { seq: 2 }],
    ['another state before', { from: 'Authenticated' }],
    ['another state', { state: 'Processing' }],
    ['another trace id', { tracePrefix: OTHER.trace_id }],
    ['another trace id, of which this one is the start', { tracePrefix: `${TRACE}0`, isWholeTrace: false }],
    ['the start of the trace id as a whole', { tracePrefix: TRACE.slice(0, 18) }],
    ['another request id', { requestSuffix: OTHER.request_id }],
    ['other last digits of the request id', { requestSuffix: OTHER.request_id.slice(-6) }],
  ])('does not fit with %s', (_, fields) => {
    expect(fillGap(gapsOf(transitions(SYNC), 1), partialOf(1, fields), table)).toBe(false)
  })

  test.each(['time', 'service', 'event', 'from', 'state', 'seq', 'tracePrefix'] as const)(
    'fits without its %s',
    (lost) => {
      const { [lost]: _, ...rest } = partialOf(1, { isWholeTrace: lost !== 'tracePrefix' })
      expect(fillGap(gapsOf(transitions(SYNC), 1), rest, table)).toBe(true)
    },
  )

  test('fits with the service of the line before or of the line after', () => {
    const records = transitions(SYNC).map((record) => (record.seq === 2 ? { ...record, service: 'auth' } : record))
    for (const [service, fits] of [
      ['gateway', true],
      ['auth', true],
      ['catalog', false],
    ] as const)
      expect(fillGap(gapsOf(records, 1), partialOf(1, { service }), table)).toBe(fits)
  })

  test.each([
    ['the first line', 1, true],
    ['the last line', 2, true],
    ['the line after it', 3, false],
  ])('in a gap of two lines, %s', (_, line, fits) => {
    const { seq: _seq, time: _time, ...rest } = partialOf(line)
    expect(fillGap(gapsOf(transitions(SYNC), 1, 2), rest, table)).toBe(fits)
  })

  test.each<[fields: Partial<PartialRecord>, fits: boolean]>([
    [{ from: 'Authenticated' }, true],
    [{ from: 'Processing' }, true],
    [{ from: 'Received' }, false],
    [{ state: 'Processing' }, true],
    [{ state: 'Queued' }, true],
    [{ state: 'Responded' }, false],
  ])(
    'in a gap of two lines, fits if the states are on a path from the line before to the line after: %j',
    (fields, fits) => {
      const gaps = gapsOf(transitions([...QUEUED, 'COMPLETE']), 2, 3)
      expect(fillGap(gaps, { isWholeTrace: false, time: BEGUN + 1_500, ...fields }, table)).toBe(fits)
    },
  )

  test('in a gap of one line, fits only with the states of the lines beside it', () => {
    const retries = compile(requestWithRetriesMachine)
    const records = transitions(['AUTH_OK', 'PROCESS', 'ENQUEUE', 'ATTEMPT', 'RETRY', 'ATTEMPT'], {}, 0, retries)
    const gaps = findGaps(
      assessmentsOf(
        records.filter(({ seq }) => seq !== 5),
        retries,
      ),
    )
    const rest = { isWholeTrace: false, time: BEGUN + 4_500 }
    // Both are on a path from Working to Queued, but not in one step.
    expect(fillGap(gaps, { ...rest, from: 'Queued' }, retries)).toBe(false)
    expect(fillGap(gaps, { ...rest, state: 'Working' }, retries)).toBe(false)
    expect(fillGap(gaps, { ...rest, from: 'Working', state: 'Queued' }, retries)).toBe(true)
  })

  test('fits with any state if the line after has no from', () => {
    const records = transitions(SYNC).map(({ from, ...record }) =>
      record.seq === 2 || from === undefined ? record : { ...record, from },
    )
    expect(fillGap(gapsOf(records, 1), partialOf(1, { state: 'Failed' }), table)).toBe(true)
  })

  describe('with several gaps', () => {
    const twoGaps = (): Gaps => gapsOf([...transitions(SYNC), ...transitions(SYNC, OTHER, 100)], 1)
    const filled = (gaps: Gaps): string[] => gaps.filter((gap) => gap.filled).map(({ requestId }) => requestId)
    const rest = { isWholeTrace: false, state: 'Authenticated' }

    test.each<[what: string, fields: Partial<PartialRecord>, request: string]>([
      ['the latest one that started before it', { time: BEGUN + 500 }, OTHER.request_id],
      ['the one that started before it', { time: BEGUN + 50 }, REQUEST],
      ['the one that started at its time', { time: BEGUN + 100 }, OTHER.request_id],
      ['the first one, without a time', {}, REQUEST],
      ['the one of its request', { time: BEGUN + 500, requestSuffix: REQUEST }, REQUEST],
      ['the one of its trace', { time: BEGUN + 500, tracePrefix: TRACE, isWholeTrace: true }, REQUEST],
    ])('fills %s', (_, fields, request) => {
      const gaps = twoGaps()
      expect(fillGap(gaps, { ...rest, ...fields }, table)).toBe(true)
      expect(filled(gaps)).toEqual([request])
    })

    test('examines a limited number of them', () => {
      const before = transition()
      const after = transition({
        seq: 2,
        from: 'Authenticated',
        state: 'Processing',
        event: 'PROCESS',
        time: BEGUN + 9,
      })
      const gaps = Array.from({ length: MAX_CANDIDATES + 1 }, (_, index) => ({
        traceId: `trace-${String(index)}`,
        requestId: REQUEST,
        attempt: undefined,
        before,
        after,
        filled: false,
      }))
      const partial = { ...rest, isWholeTrace: true, time: BEGUN + 5 }
      expect(fillGap(gaps, { ...partial, tracePrefix: 'trace-0' }, table)).toBe(false)
      expect(fillGap(gaps, { ...partial, tracePrefix: 'trace-1' }, table)).toBe(true)
      expect(filled(gaps)).toHaveLength(1)
    })
  })
})
