import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requestWithRetriesMachine } from '../../../machines/request-with-retries.ts'
import { requestMachine } from '../../../machines/request.ts'
import { parseStuckThresholds } from '../../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../../src/audit/report.ts'
import { audited } from '../../run-audit.ts'
import { SERVICES, T0, trueLog, type TrueLog } from '../../log-arbitraries.ts'
import { linesOf } from '../../log-lines.ts'

const now = fc.integer({ min: T0, max: T0 + 150_000 })
const GIVEN = ['5s', 'Queued=20s']

function answer(files: Readonly<Record<string, readonly string[]>>, { table }: TrueLog, at: number): AuditReport {
  return audited(files, { table, now: at, limits: parseStuckThresholds(table, GIVEN) })
}

function truth({ requests }: TrueLog, at: number): string[] {
  const stuck = requests.filter(
    ({ ended, state, since }) => !ended && at - since > (state === 'Queued' ? 20_000 : 5_000),
  )
  return stuck.map(({ requestId, state, since }) => `${requestId} in ${state} since ${String(since)}`).sort()
}

function found({ stuck }: AuditReport): string[] {
  return stuck.map(({ request_id, state, since }) => `${request_id} in ${state} since ${String(since)}`).sort()
}

/** The part of a report that other lines and the order of lines must not change. */
function findings({
  stuck,
  invalid,
  gaps,
  states,
  duplicates,
  checked: { transitions, requests, traces },
}: AuditReport): object {
  return { stuck, invalid, gaps, states, duplicates, transitions, requests, traces }
}

describe.each([
  ['request', requestMachine],
  ['request-with-retries', requestWithRetriesMachine],
] as const)('of a true log of %s', (_, machine) => {
  test('exactly those are stuck that are, nothing is invalid, and nothing is missing', () => {
    fc.assert(
      fc.property(trueLog(machine), now, (log, at) => {
        const report = answer({ 'all.ndjson': linesOf(log.records) }, log, at)
        expect(found(report)).toEqual(truth(log, at))
        expect(report).toMatchObject({
          now: at,
          invalid: [],
          gaps: [],
          duplicates: log.requests.reduce((sum, { duplicates }) => sum + duplicates, 0),
        })
        expect(report.checked).toEqual({
          lines: log.records.length,
          transitions: log.records.filter(({ lifecycle }) => lifecycle === 'transition').length,
          requests: log.requests.length,
          traces: new Set(log.requests.map(({ traceId }) => traceId)).size,
          other_lines: 0,
          damaged_lines: 0,
        })
        for (const { name } of log.table.states) {
          const entered = log.records.filter(
            ({ lifecycle, state }) => lifecycle === 'transition' && state === name,
          ).length
          const open = log.requests.filter(({ ended, state }) => !ended && state === name).length
          expect(report.states[name]).toMatchObject({ entered, open })
        }
      }),
      { numRuns: 200 },
    )
  })

  test('the report does not depend on order, repeats, files, or other lines', () => {
    const foreign = fc.constantFrom(
      'plain text',
      '',
      '{"level":30,"msg":"hello"}',
      '[1]',
      'null',
      '{"lifecycle":"other"}',
      '\u001b[31mred\u001b[0m',
    )
    const shuffled = trueLog(machine).chain((log) => {
      const lines = linesOf(log.records)
      const all = fc
        .tuple(fc.subarray(lines), fc.array(foreign, { maxLength: 10 }))
        .map(([again, others]) => [...lines, ...again, ...others])
      const order = all.chain((texts) => fc.shuffledSubarray(texts, { minLength: texts.length }))
      return fc.tuple(fc.constant({ log, lines }), order, fc.integer({ min: 1, max: 4 }))
    })
    fc.assert(
      fc.property(shuffled, now, ([{ log, lines }, texts, parts], at) => {
        const files = Object.fromEntries(
          Array.from({ length: parts }, (_, part) => [
            `${String(part)}.ndjson`,
            texts.filter((_text, index) => index % parts === part),
          ]),
        )
        expect(findings(answer(files, log, at))).toEqual(findings(answer({ 'all.ndjson': lines }, log, at)))
      }),
    )
  })

  test('a missing line is a gap, and no finding', () => {
    fc.assert(
      fc.property(trueLog(machine), fc.nat(), (log, pick) => {
        const transitions = log.records.filter((record) => record.lifecycle === 'transition')
        const lost = transitions[pick % transitions.length]
        // What comes after a line tells that it was there: in its own attempt, or in any after the hand-off.
        const follows = transitions.some(
          ({ request_id, seq, attempt }) =>
            request_id === lost?.request_id &&
            seq > lost.seq &&
            (lost.attempt === undefined || attempt === lost.attempt),
        )
        fc.pre(lost !== undefined && follows)
        const report = answer({ 'all.ndjson': linesOf(log.records.filter((record) => record !== lost)) }, log, T0)
        expect(report.invalid).toEqual([])
        expect(report.gaps).toEqual([{ trace_id: lost.trace_id, request_id: lost.request_id, missing_seq: [lost.seq] }])
      }),
      { numRuns: 200 },
    )
  })

  test('the log of one service alone has gaps, and nothing invalid', () => {
    fc.assert(
      fc.property(trueLog(machine), fc.constantFrom(...SERVICES), now, (log, service, at) => {
        const own = log.records.filter((record) => record.service === service)
        const report = answer({ [service]: linesOf(own) }, log, at)
        expect(report.invalid).toEqual([])
        for (const id of new Set(own.map(({ request_id }) => request_id))) {
          const lines = own.filter(({ request_id }) => request_id === id)
          const begun = lines.some((record) => record.lifecycle === 'transition' && record.seq === 0)
          expect(
            report.gaps.some(({ request_id, missing_seq }) => request_id === id && missing_seq.includes(0)),
            id,
          ).toBe(!begun)
        }
      }),
    )
  })
})
