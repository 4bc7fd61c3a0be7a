import { describe, expect, test } from 'vitest'
import { storyMermaid, storyText } from '../../src/queries/story.ts'
import { story, type StoryReport } from '../../src/queries/story.ts'
import type { LifecycleRecord, TransitionRecord } from '../../src/record/record.ts'
import { note, transitions, TRACE } from '../sample-log.ts'

const CALLER = 'b7ad6b7169203000'
const SYNC = ['AUTH_OK', 'PROCESS', 'RESPOND']

/** A request with these events whose last line counts its calls. */
function caller(calls: number, events: readonly string[] = SYNC): TransitionRecord[] {
  const records = transitions(events, { request_id: CALLER })
  return records.map((record, index) => ({
    ...record,
    ...(index === records.length - 1 ? { calls, outcome: 'ok' as const, status: 200 } : {}),
  }))
}

/** A request of another service with this parent id. */
function callee(service: string, parentId: string, id: string): TransitionRecord[] {
  return transitions(SYNC, { service, request_id: id }, 100).map((record) =>
    record.seq === 0
      ? { ...record, parent_id: parentId, method: 'GET', path: `/${service}` }
      : record.seq === 3
        ? { ...record, outcome: 'ok', status: 200, duration_ms: 9 }
        : record,
  )
}

async function storyOf(records: readonly LifecycleRecord[]): Promise<StoryReport> {
  const report = await story(TRACE, records)
  if (report === undefined) throw new Error('the story is empty')
  return report
}

const auth = callee('auth', 'b7ad6b7169203001', '1111111111111000')
const mail = callee('mail', 'b7ad6b7169203003', '2222222222222000')

describe('a request is shown under its call', () => {
  test('and a call that left no line is named', async () => {
    const report = await storyOf([...caller(3), ...auth, ...mail])
    expect(report.requests.map(({ service, parent_id, call }) => [service, parent_id, call])).toEqual([
      ['gateway', null, null],
      ['auth', CALLER, 1],
      ['mail', CALLER, 3],
    ])
    expect(report.requests[0]).toMatchObject({
      calls: [{ sent: 3, missing: [2] }],
      gaps: ['call 2 of 3: no line in these logs'],
    })
    const text = storyText(report, 200)
    expect(text).toContain('  call 1 of 3: auth GET /auth [1111111111111000] Responded ok 200\n')
    expect(text).toContain('  call 3 of 3: mail GET /mail [2222222222222000] Responded ok 200\n')
    expect(text).toContain('! call 2 of 3: no line in these logs\n')
    const diagram = storyMermaid(report)
    expect(diagram).toContain('s0->>s1: call 1, GET /auth\n')
    expect(diagram).toContain('Note over s0: call 2 of 3#58; no line in these logs\n')
  })

  test('and nothing is named if each call has a line', async () => {
    const report = await storyOf([...caller(1), ...auth])
    expect(report.requests.flatMap(({ gaps }) => gaps)).toEqual([])
  })

  test('and nothing is claimed while the last line of the caller is not there', async () => {
    const report = await storyOf([...caller(3).slice(0, -1), ...auth])
    expect(report.requests[0]?.calls).toEqual([])
    expect(report.requests[0]?.gaps.join()).not.toContain('call')
    expect(storyText(report, 200)).toContain('  call 1: auth GET /auth')
  })

  test('by an exact match, if the id of the caller does not end in 000', async () => {
    const theirs = 'b7ad6b7169203331'
    const renamed = caller(2).map((record) => ({ ...record, request_id: theirs }))
    const report = await storyOf([...renamed, ...callee('auth', theirs, '1111111111111000')])
    expect(report.requests[1]).toMatchObject({ service: 'auth', parent_id: theirs, call: null })
    expect(report.requests[0]).toMatchObject({ calls: [{ sent: 2, missing: [] }], gaps: [] })
  })

  test('also if it is that of an attempt, with the number within the attempt', async () => {
    const queued = caller(1, ['AUTH_OK', 'PROCESS', 'ENQUEUE']).map(
      ({ outcome: _outcome, status: _status, ...record }) => record,
    )
    const completed: TransitionRecord = {
      ...caller(2)[3],
      ...{
        seq: 4,
        event: 'COMPLETE',
        from: 'Queued',
        state: 'Completed',
        service: 'worker',
        attempt: 2,
        time: 1_790_000_009_000,
      },
    } as TransitionRecord
    const retried = note('RETRY', { request_id: CALLER, service: 'worker', state: 'Queued', attempt: 1 })
    const child = callee('mail', 'b7ad6b7169203902', '2222222222222000')
    const report = await storyOf([...queued, retried, completed, ...auth, ...child])
    expect(report.requests[0]).toMatchObject({
      calls: [
        { sent: 1, missing: [] },
        { attempt: 2, sent: 2, missing: [1] },
      ],
      gaps: ['attempt 2, call 1 of 2: no line in these logs'],
    })
    expect(report.requests.find(({ service }) => service === 'mail')).toMatchObject({ call: 2, call_attempt: 2 })
    expect(storyText(report, 200)).toContain('attempt 2, call 2 of 2: mail GET /mail')
    expect(storyMermaid(report)).toContain('attempt 2 call 2, GET /mail')
  })

  test('and of many lost calls the first 20 are named', async () => {
    const [{ gaps } = { gaps: [] }] = (await storyOf(caller(2_050))).requests
    expect(gaps).toHaveLength(21)
    // 2,047 calls have a number.
    expect(gaps.at(-1)).toBe('2027 more calls of 2050: no line in these logs')
  })
})

describe('with the calls in the log', () => {
  const logged = (call: number, target: string): LifecycleRecord =>
    note('CALL', {
      request_id: CALLER,
      state: 'Processing',
      time: 1_790_000_002_500,
      data: { call, target, method: 'GET', path: `/${target}`, outcome: 'ok', status: 200, duration_ms: 12 },
    })

  test('the time that the caller waited is shown beside the time that the service worked', async () => {
    const report = await storyOf([...caller(1), ...auth, logged(1, 'auth')])
    expect(report.requests[1]).toMatchObject({ waited_ms: 12, duration_ms: 9 })
    const text = storyText(report, 200)
    expect(text).toContain(
      'call 1 of 1: auth GET /auth [1111111111111000] Responded ok 200, worked 9ms, caller waited 12ms',
    )
    expect(text).not.toContain('CALL')
    expect(storyMermaid(report)).toContain('call 1 (waited 12ms), GET /auth')
  })

  test('a lost call has its target', async () => {
    const report = await storyOf([...caller(2), ...auth, logged(2, 'payments')])
    expect(report.requests[0]?.gaps).toEqual([
      'call 2 of 2: no line in these logs (GET payments /payments: ok 200 after 12ms)',
    ])
    expect(storyText(report, 200)).toContain('CALL 2 to GET payments /payments: ok 200 after 12ms in Processing')
    expect(report.requests[0]?.notes[0]?.call).toEqual({
      call: 2,
      target: 'payments',
      method: 'GET',
      path: '/payments',
      outcome: 'ok',
      status: 200,
      duration_ms: 12,
    })
  })
})
