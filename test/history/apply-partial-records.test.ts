import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../machines/request-with-retries.ts'
import { requestMachine } from '../../machines/request.ts'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../src/audit/report.ts'
import { compile } from '../../src/machine/compile.ts'
import type { TransitionRecord } from '../../src/record/record.ts'
import { audited } from '../run-audit.ts'
import { linesOf } from '../log-lines.ts'
import { BEGUN, QUEUED, REQUEST, SYNC, transition, transitions } from '../sample-log.ts'

const table = compile(requestMachine)
const retries = compile(requestWithRetriesMachine)
const OTHER = { trace_id: '019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6072', request_id: 'b7ad6b7169203332' }

/** The audit of these records, those in `cut` as the first half of their lines. */
function halved(
  records: readonly TransitionRecord[],
  cut: readonly (TransitionRecord | undefined)[],
  by = table,
): AuditReport {
  const lines = linesOf(records).map((line, index) =>
    cut.includes(records[index]) ? line.slice(0, line.length >> 1) : line,
  )
  return audited({ 'a.ndjson': lines }, { table: by, now: BEGUN + 1e9, limits: parseStuckThresholds(by) })
}

describe('half a line', () => {
  test('of an end acquits the request that it ended', () => {
    const records = transitions(SYNC)
    expect(halved(records, [records[3]])).toMatchObject({
      stuck: [],
      invalid: [],
      gaps: [{ request_id: REQUEST, missing_seq: [3] }],
      states: { Processing: { open: 0 } },
    })
  })

  test('of a step moves the request that took it', () => {
    const records = transitions(['AUTH_OK', 'PROCESS'])
    expect(halved(records, [records[2]])).toMatchObject({
      stuck: [{ state: 'Processing', since: BEGUN + 2_000 }],
      gaps: [{ missing_seq: [2] }],
    })
  })

  test('that fills a hole says nothing of a request that hangs', () => {
    const whole = transitions(SYNC)
    const hanging = transitions(['AUTH_OK'], OTHER, 500)
    expect(halved([...whole, ...hanging], [whole[2]])).toMatchObject({
      stuck: [{ ...OTHER, state: 'Authenticated' }],
      gaps: [{ request_id: REQUEST, missing_seq: [2] }],
    })
  })

  test('of an end does not fill a hole of two lines, in which no end can stand', () => {
    const holed = transitions(SYNC)
    const ended = transitions(SYNC, OTHER, -1_500)
    const { stuck, gaps } = halved([...holed, ...ended], [holed[1], holed[2], ended[3]])
    expect(stuck).toEqual([])
    expect(gaps.map(({ missing_seq }) => missing_seq)).toEqual([[1, 2], [3]])
  })

  test.each([
    ['of another service', { service: 'catalog' }, 0],
    ['of a time before the request was there', {}, 60_000],
  ])('%s acquits nobody', (_, service, start) => {
    const ended = transitions(SYNC)
    const hanging = transitions(['AUTH_OK', 'PROCESS'], { ...OTHER, ...service }, start)
    expect(halved([...ended, ...hanging], [ended[3]])).toMatchObject({ stuck: [OTHER] })
  })

  test('of a worker acquits a request of another service, once a message has handed it over', () => {
    const queued = transitions(QUEUED)
    const end = transition({
      seq: 4,
      event: 'COMPLETE',
      from: 'Queued',
      state: 'Completed',
      service: 'worker',
      attempt: 1,
      time: BEGUN + 9_000,
    })
    expect(halved([...queued, end], [end])).toMatchObject({ stuck: [], gaps: [{ missing_seq: [4] }] })
  })

  test('is a gap also where another attempt has a line of its number', () => {
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
    expect(halved(records, [end], retries)).toMatchObject({ stuck: [], gaps: [{ missing_seq: [5] }] })
  })

  test('counts once, however often it is repeated', () => {
    const two = [transitions(SYNC), transitions(SYNC, OTHER, 100)].flat()
    const lines = linesOf(two.filter(({ seq }) => seq < 3))
    const [end = ''] = linesOf(two.filter(({ seq }) => seq === 3))
    const half = end.slice(0, end.length >> 1)
    const report = audited(
      { 'a.ndjson': [...lines, half, half, half] },
      { table, now: BEGUN + 1e9, limits: parseStuckThresholds(table) },
    )
    expect(report.stuck).toHaveLength(1)
    expect(report.checked.damaged_lines).toBe(3)
  })
})

test('the rest of a line whose request is named acquits that one, whatever the clocks', () => {
  const queued = [...transitions(QUEUED), ...transitions(QUEUED, OTHER, 500)]
  const [end = ''] = linesOf([
    transition({
      seq: 4,
      event: 'COMPLETE',
      from: 'Queued',
      state: 'Completed',
      service: 'worker',
      attempt: 1,
      time: BEGUN - 60_000,
    }),
  ])
  const rest = [end.slice(end.indexOf('"request_id"')), end.slice(0, -2)]
  for (const damaged of rest) {
    const report = audited(
      { 'a.ndjson': [...linesOf(queued), damaged] },
      { table, now: BEGUN + 1e9, limits: parseStuckThresholds(table) },
    )
    expect(report).toMatchObject({ stuck: [OTHER], gaps: [{ request_id: REQUEST, missing_seq: [4] }] })
  }
})
