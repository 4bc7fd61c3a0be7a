import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import type { AuditReport, StateCounts } from '../../../src/audit/report.ts'
import { compile } from '../../../src/machine/compile.ts'
import type { LifecycleRecord, TransitionRecord } from '../../../src/record/record.ts'
import { audited } from '../../run-audit.ts'
import { linesOf } from '../../log-lines.ts'
import { BEGUN, note, QUEUED, REQUEST, SYNC, TRACE, transition, transitions } from '../../sample-log.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)

function answer(
  records: readonly LifecycleRecord[],
  now: number,
  given: readonly string[] = [],
  by = table,
): AuditReport {
  return audited({ 'a.ndjson': linesOf(records) }, { table: by, now, limits: parseStuckThresholds(by, given) })
}

describe('the report', () => {
  test('has every key, of the type that is promised', () => {
    const records = [
      ...transitions(QUEUED),
      note('ATTEMPT', { state: 'Queued', service: 'worker', attempt: 1, time: BEGUN + 4_000 }),
      note('RETRY', {
        state: 'Queued',
        service: 'worker',
        attempt: 1,
        time: BEGUN + 5_000,
        error: { type: 'Error', message: 'no luck' },
      }),
      transition({ trace_id: 'abc-123', request_id: 'b7ad6b7169203332', state: 'Queued' }),
      transition({
        trace_id: 'abc-123',
        request_id: 'b7ad6b7169203333',
        seq: 2,
        event: 'PROCESS',
        from: 'Authenticated',
        state: 'Processing',
        dwell_ms: 7,
      }),
    ]
    const none = { p50: null, p95: null, p99: null, max: null }
    const second = { p50: 1_000, p95: 1_000, p99: 1_000, max: 1_000 }
    const lost = { trace_id: 'abc-123', request_id: 'b7ad6b7169203333' }
    const nothing = { entered: 0, open: 0, dwell_ms: none, services: {} }
    /** All of it in one service. */
    const gateway = (counts: StateCounts, stuck_after_ms: number): object => ({
      ...counts,
      services: { gateway: { ...counts, stuck_after_ms, from: 'machine' } },
    })
    expect(answer(records, BEGUN + 3_000 + 15 * 60_000 + 1)).toEqual({
      now: BEGUN + 903_001,
      checked: { lines: 8, other_lines: 0, damaged_lines: 0, transitions: 6, requests: 3, traces: 2 },
      states: {
        Received: gateway({ entered: 1, open: 0, dwell_ms: second }, 10_000),
        Authenticated: gateway(
          { entered: 1, open: 0, dwell_ms: { p50: 7, p95: 1_000, p99: 1_000, max: 1_000 } },
          30_000,
        ),
        Processing: gateway({ entered: 2, open: 1, dwell_ms: second }, 30_000),
        Queued: gateway({ entered: 2, open: 2, dwell_ms: none, waiting_ms: second, working_ms: second }, 900_000),
        Responded: nothing,
        Completed: nothing,
        Failed: nothing,
      },
      stuck: [
        {
          trace_id: 'abc-123',
          request_id: 'b7ad6b7169203332',
          service: 'gateway',
          state: 'Queued',
          since: BEGUN,
          age_ms: 903_001,
          stuck_after_ms: 900_000,
          attempts: 0,
          last_error: null,
          cause: null,
        },
        {
          ...lost,
          service: 'gateway',
          state: 'Processing',
          since: BEGUN,
          age_ms: 903_001,
          stuck_after_ms: 30_000,
          attempts: 0,
          last_error: null,
          cause: null,
        },
        {
          trace_id: TRACE,
          request_id: REQUEST,
          service: 'gateway',
          state: 'Queued',
          since: BEGUN + 3_000,
          age_ms: 900_001,
          stuck_after_ms: 900_000,
          attempts: 1,
          last_error: { type: 'Error', message: 'no luck' },
          cause: null,
        },
      ],
      invalid: [
        {
          trace_id: 'abc-123',
          request_id: 'b7ad6b7169203332',
          service: 'gateway',
          seq: 0,
          from: null,
          event: null,
          state: 'Queued',
          reason: 'a request begins in Received, not in Queued',
          file: 'a.ndjson',
          line: 7,
        },
      ],
      gaps: [{ ...lost, missing_seq: [0, 1] }],
      duplicates: 0,
      undelivered: [
        { trace_id: 'abc-123', request_id: 'b7ad6b7169203332', service: 'gateway', since: BEGUN, age_ms: 903_001 },
      ],
      attempts: { 1: 1 },
      paths: [
        { path: 'Processing', requests: 1 },
        { path: 'Queued', requests: 1 },
        { path: 'Received > Authenticated > Processing > Queued', requests: 1 },
      ],
      steps: [
        { from: 'Received', event: 'AUTH_OK', state: 'Authenticated', count: 1 },
        { from: 'Received', event: 'AUTH_ERROR', state: 'Failed', count: 0 },
        { from: 'Authenticated', event: 'PROCESS', state: 'Processing', count: 2 },
        { from: 'Processing', event: 'ENQUEUE', state: 'Queued', count: 1 },
        { from: 'Processing', event: 'RESPOND', state: 'Responded', count: 0 },
        { from: 'Queued', event: 'COMPLETE', state: 'Completed', count: 0 },
      ],
    })
  })

  test('of nothing is empty', () => {
    expect(answer([], BEGUN)).toMatchObject({
      checked: { lines: 0, transitions: 0, requests: 0, traces: 0 },
      stuck: [],
      invalid: [],
      gaps: [],
      duplicates: 0,
    })
  })

  test('counts the visits that ended with an implied step, by state and service', () => {
    const implied = (service: string, index: number, ...seqs: readonly number[]): TransitionRecord[] =>
      transitions(SYNC, { service, request_id: `b7ad6b716920${String(1_000 + index)}` }).map((record) =>
        seqs.includes(record.seq) ? { ...record, implied: true } : record,
      )
    const open = implied('auth', 3, 1).slice(0, 2)
    const { dwell_ms: _dwell, ...untimed } = implied('web', 4, 2)[2] ?? transition()
    const { states } = answer([...implied('api', 1, 1, 2), ...implied('api', 2, 2), ...open, untimed], BEGUN)
    expect(states).toMatchObject({
      Received: { entered: 3, implied: 2, services: { api: { entered: 2, implied: 1 }, auth: { implied: 1 } } },
      // The line before that of the service web is missing.
      Authenticated: { entered: 3, implied: 3, services: { api: { implied: 2 }, web: { entered: 0, implied: 1 } } },
    })
    expect(states.Authenticated?.services.auth).not.toHaveProperty('implied')
    expect(states.Processing).not.toHaveProperty('implied')
  })

  test('tells dwell times by the nearest rank, as the lines have them', () => {
    const times = Array.from({ length: 200 }, (_, index) => ((index * 37) % 200) + 1.5)
    const records = times.map((dwell_ms, index) =>
      transition({
        request_id: `b7ad6b71692${String(10_000 + index)}`,
        seq: 1,
        event: 'AUTH_OK',
        from: 'Received',
        state: 'Authenticated',
        dwell_ms,
      }),
    )
    expect(answer(records, BEGUN).states.Received?.dwell_ms).toEqual({ p50: 100.5, p95: 190.5, p99: 198.5, max: 200.5 })
    expect(answer(records.slice(0, 1), BEGUN).states.Received?.dwell_ms).toEqual({
      p50: 1.5,
      p95: 1.5,
      p99: 1.5,
      max: 1.5,
    })
  })
})

describe('a request', () => {
  test('of a UUID that is spelled differently is one request', () => {
    const spelled = [TRACE, TRACE.toUpperCase(), TRACE.replaceAll('-', ''), TRACE]
    const records = transitions(SYNC).map((record, index) => ({ ...record, trace_id: spelled[index] ?? TRACE }))
    expect(answer(records, BEGUN + 1e9)).toMatchObject({
      checked: { requests: 1, traces: 1 },
      stuck: [],
      invalid: [],
      gaps: [],
    })
  })

  test('of another trace is another request, and an id that is no UUID keeps its case', () => {
    const records = ['abc', 'ABC', TRACE].flatMap((trace_id) => transitions(SYNC, { trace_id }))
    expect(answer(records, BEGUN).checked).toMatchObject({ requests: 3, traces: 3 })
  })

  test('is stuck once its time is over, and not at that moment', () => {
    const records = transitions(['AUTH_OK'])
    expect(answer(records, BEGUN + 31_000).stuck).toEqual([])
    expect(answer(records, BEGUN + 31_001).stuck).toHaveLength(1)
    expect(answer(records, BEGUN - 5).stuck).toEqual([])
  })

  test('in a state that the machine has not is invalid, and of what that means for its time nobody knows', () => {
    const records = [transition(), transition({ seq: 1, event: 'AUTH_OK', from: 'Received', state: 'Nowhere' })]
    expect(answer(records, BEGUN + 1e12)).toMatchObject({ stuck: [], invalid: [{ state: 'Nowhere' }] })
  })

  test('that has ended with an error or without an answer is not stuck', () => {
    for (const outcome of ['error', 'aborted', 'denied'] as const) {
      const [received, authenticated, processing] = transitions(SYNC)
      const end = transition({
        seq: 3,
        event: 'RESPOND',
        from: 'Processing',
        state: 'Responded',
        outcome,
        time: BEGUN + 3_000,
      })
      expect(
        answer(
          [received, authenticated, processing, end].filter((record) => record !== undefined),
          BEGUN + 1e9,
        ),
      ).toMatchObject({ stuck: [], invalid: [] })
    }
  })

  test("of which only the worker's log is there has gaps; where the attempt is open it is stuck", () => {
    const done = transition({
      seq: 4,
      event: 'COMPLETE',
      from: 'Queued',
      state: 'Completed',
      attempt: 1,
      service: 'worker',
    })
    const attempt = note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker' })
    expect(answer([attempt, done], BEGUN + 1e9)).toMatchObject({
      stuck: [],
      invalid: [],
      gaps: [{ missing_seq: [0, 1, 2, 3] }],
    })
    const open = { stuck: [{ state: 'Queued', since: BEGUN + 1_000, service: 'worker', attempts: 1 }], invalid: [] }
    expect(answer([attempt], BEGUN + 1e9)).toMatchObject(open)
    const working = transition({
      seq: 4,
      event: 'ATTEMPT',
      from: 'Queued',
      state: 'Working',
      attempt: 2,
      service: 'worker',
    })
    expect(answer([working], BEGUN + 1e9, [], retries)).toMatchObject({
      stuck: [{ state: 'Working' }],
      invalid: [],
      gaps: [{ missing_seq: [0, 1, 2, 3] }],
    })
  })

  test('that a note finds further on than its lines has gone there', () => {
    const records = [
      ...transitions(['AUTH_OK', 'PROCESS']),
      note('ATTEMPT', { state: 'Queued', attempt: 1, service: 'worker', time: BEGUN + 5_000 }),
    ]
    expect(answer(records, BEGUN + 60_000)).toMatchObject({
      stuck: [],
      gaps: [{ missing_seq: [3] }],
      states: { Queued: { open: 1 } },
    })
  })

  test('with the machine that knows retries goes back to Queued, and each attempt counts', () => {
    const attempts = [1, 2].flatMap((attempt) => [
      transition({
        attempt,
        seq: 4,
        event: 'ATTEMPT',
        from: 'Queued',
        state: 'Working',
        service: 'worker',
        time: BEGUN + 10_000 * attempt,
      }),
      transition({
        attempt,
        seq: 5,
        event: 'RETRY',
        from: 'Working',
        state: 'Queued',
        service: 'worker',
        time: BEGUN + 10_000 * attempt + 1,
        error: { type: 'Error', message: `no ${String(attempt)}` },
      }),
    ])
    const report = answer([...transitions(QUEUED, {}, 0, retries), ...attempts], BEGUN + 1e9, [], retries)
    expect(report).toMatchObject({
      stuck: [{ state: 'Queued', since: BEGUN + 20_001, attempts: 2, last_error: { message: 'no 2' } }],
      invalid: [],
      gaps: [],
      duplicates: 0,
    })
  })

  test('that misses a line in one attempt of several has a gap', () => {
    const attempts = [
      transition({ attempt: 1, seq: 4, event: 'ATTEMPT', from: 'Queued', state: 'Working' }),
      transition({ attempt: 2, seq: 5, event: 'COMPLETE', from: 'Working', state: 'Completed' }),
    ]
    expect(answer([...transitions(QUEUED), ...attempts], BEGUN, [], retries).gaps).toMatchObject([{ missing_seq: [4] }])
  })

  test('with an absurd seq costs no memory', () => {
    const [gap] = answer(
      [transition({ seq: Number.MAX_SAFE_INTEGER, event: 'AUTH_OK', from: 'Received', state: 'Authenticated' })],
      BEGUN,
    ).gaps
    expect(gap?.missing_seq).toHaveLength(1_000)
  })
})
