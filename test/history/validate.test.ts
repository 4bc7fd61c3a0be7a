import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import type { InvalidEntry } from '../../src/audit/report.ts'
import { compile } from '../../src/machine/compile.ts'
import { step, type TransitionTable } from '../../src/machine/table.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { audited } from '../run-audit.ts'
import { T0, trueLog } from '../log-arbitraries.ts'
import { linesOf } from '../log-lines.ts'
import { BEGUN, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../sample-log.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)

function invalid(records: readonly LifecycleRecord[], by: TransitionTable = table): readonly InvalidEntry[] {
  return audited({ 'a.ndjson': linesOf(records) }, { table: by, now: BEGUN, limits: parseStuckThresholds(by) }).invalid
}

/** A request's lines with those that one of them is replaced by. */
function changed(
  events: readonly string[],
  seq: number,
  ...by: readonly Partial<TransitionRecord>[]
): TransitionRecord[] {
  return transitions(events).flatMap((record) =>
    record.seq === seq ? by.map((fields) => ({ ...record, ...fields })) : [record],
  )
}

describe('a line that no run of the machine writes is told with its place and the reason', () => {
  test.each<[what: string, records: TransitionRecord[], found: [line: number, reason: string]]>([
    [
      'a start elsewhere',
      changed(SYNC, 0, { state: 'Queued' }).slice(0, 1),
      [1, 'a request begins in Received, not in Queued'],
    ],
    [
      'a start from somewhere',
      [transition({ event: 'AUTH_OK', from: 'Received', state: 'Authenticated' })],
      [1, 'the first line of a request comes from no state'],
    ],
    ['a state of no machine', changed(['AUTH_OK'], 1, { state: 'Nowhere' }), [2, 'the machine has no state "Nowhere"']],
    [
      'a member of Object.prototype',
      changed(['AUTH_OK'], 1, { state: 'constructor' }),
      [2, 'the machine has no state "constructor"'],
    ],
    [
      'from a state of no machine',
      changed(['AUTH_OK'], 1, { from: 'Nowhere' }),
      [2, 'the machine has no state "Nowhere"'],
    ],
    ['an unknown event', changed(['AUTH_OK'], 1, { event: 'MAGIC' }), [2, 'the machine has no event "MAGIC"']],
    [
      'an event that the state does not accept',
      changed(['AUTH_OK'], 1, { event: 'COMPLETE' }),
      [2, 'Received does not accept COMPLETE'],
    ],
    [
      'an event that leads elsewhere',
      changed(['AUTH_OK'], 1, { state: 'Processing' }),
      [2, 'AUTH_OK leads from Received to Authenticated, not to Processing'],
    ],
    [
      'a step after the end',
      [...transitions(SYNC), transition({ seq: 4, event: 'RESPOND', from: 'Responded', state: 'Responded' })],
      [5, 'Responded is final: nothing follows it'],
    ],
    [
      'a leap',
      changed(QUEUED, 2, { event: 'ENQUEUE', from: 'Processing', state: 'Queued' }).slice(0, 3),
      [3, 'seq 1 entered Authenticated, and seq 2 starts from Processing'],
    ],
    [
      'an end without a work',
      changed(SYNC, 1, { event: 'AUTH_ERROR', state: 'Failed' }).slice(0, 3),
      [3, 'seq 1 entered Failed, and seq 2 starts from Authenticated'],
    ],
    [
      'a seq told twice',
      changed(SYNC, 3, {}, { event: 'ENQUEUE', state: 'Queued', time: BEGUN + 4_000 }),
      [5, 'seq 3 is told twice: as Responded and as Queued'],
    ],
    [
      'a step without its event',
      [transition({ seq: 1, state: 'Authenticated' })],
      [1, 'seq 1 does not say from where and on what event'],
    ],
  ])('%s', (_, records, [line, reason]) => {
    const record = records[line - 1]
    const { seq, from = null, event = null, state } = record ?? transition()
    expect(invalid(records)).toEqual([
      {
        trace_id: TRACE,
        request_id: REQUEST,
        service: 'gateway',
        seq,
        from,
        event,
        state,
        reason,
        file: 'a.ndjson',
        line,
      },
    ])
  })

  test('by the machine that is asked', () => {
    const failing = [
      ...transitions(['AUTH_OK']),
      transition({ seq: 2, event: 'FAIL', from: 'Authenticated', state: 'Failed' }),
    ]
    expect(invalid(failing, retries)).toEqual([])
    expect(invalid(failing)).toEqual([expect.objectContaining({ reason: 'the machine has no event "FAIL"', line: 3 })])
  })

  test('whichever line of a true log is changed', () => {
    const other = fc.constantFrom(...table.states.map(({ name }) => name), 'Nowhere')
    fc.assert(
      fc.property(trueLog(requestMachine), fc.nat(), other, (log, pick, state) => {
        const places = log.records.flatMap((record, index) => (record.lifecycle === 'transition' ? [index] : []))
        const place = places[pick % places.length] ?? 0
        const record = log.records[place]
        fc.pre(record?.lifecycle === 'transition' && record.state !== state)
        const records = log.records.map((told, index) => (index === place ? { ...record, state } : told))
        const report = audited(
          { 'a.ndjson': linesOf(records) },
          { table, now: T0, limits: parseStuckThresholds(table) },
        )
        expect(report.invalid.filter(({ file, line }) => file === 'a.ndjson' && line === place + 1)).toHaveLength(1)
        expect(report.invalid.every(({ request_id }) => request_id === record.request_id)).toBe(true)
      }),
    )
  })
})

describe('legal', () => {
  test('a second attempt that completes: a duplicate, not an invalid path', () => {
    const twice = [1, 2].map((attempt) =>
      transition({
        seq: 4,
        event: 'COMPLETE',
        from: 'Queued',
        state: 'Completed',
        attempt,
        service: 'worker',
        time: BEGUN + attempt * 10_000,
      }),
    )
    const report = audited(
      { 'a.ndjson': linesOf([...transitions(QUEUED), ...twice]) },
      { table, now: BEGUN + 1e9, limits: parseStuckThresholds(table) },
    )
    expect(report).toMatchObject({ stuck: [], invalid: [], gaps: [], duplicates: 1 })
  })

  test('each attempt begins at the state and seq of the carrier', () => {
    const queued = transitions(QUEUED, {}, 0, retries)
    const steps = [
      ['ATTEMPT', 'Queued'],
      ['RETRY', 'Working'],
    ] as const
    const attempts = [1, 2, 3].flatMap((attempt) =>
      steps.map(([event, from], index) =>
        transition({
          attempt,
          event,
          from,
          state: step(retries, from, event)?.to ?? '',
          seq: 4 + index,
          time: BEGUN + 1e4 * attempt + index,
        }),
      ),
    )
    expect(invalid([...queued, ...attempts], retries)).toEqual([])
    const after = transition({ attempt: 4, seq: 6, event: 'ATTEMPT', from: 'Queued', state: 'Working' })
    const ended = [
      ['ATTEMPT', 'Queued'],
      ['COMPLETE', 'Working'],
    ].map(([event = '', from = ''], index) =>
      transition({ attempt: 4, event, from, state: step(retries, from, event)?.to ?? '', seq: 4 + index }),
    )
    expect(invalid([...queued, ...attempts, ...ended, after], retries)).toEqual([
      expect.objectContaining({ line: 13, reason: 'seq 5 entered Completed, and seq 6 starts from Queued' }),
    ])
    const stray = transition({ attempt: 4, event: 'RETRY', from: 'Working', state: 'Queued', seq: 4 })
    expect(invalid([...queued, ...attempts, stray], retries)).toEqual([
      expect.objectContaining({ line: 11, reason: 'seq 3 entered Queued, and seq 4 starts from Working' }),
    ])
  })

  test('what follows a missing line', () => {
    expect(invalid(transitions(SYNC).filter(({ seq }) => seq !== 2))).toEqual([])
  })
})
