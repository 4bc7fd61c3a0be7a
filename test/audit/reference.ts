import { applyPartialRecords } from '../../src/history/apply-partial-records.ts'
import { assess, type RequestAssessment } from '../../src/history/assess.ts'
import { isHandOffState, type TransitionTable } from '../../src/machine/table.ts'
import type { StuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import type { AuditReport, Dwell, ServiceCounts } from '../../src/audit/report.ts'
import { evidenceOf, type Files } from '../log-lines.ts'

interface Question {
  readonly table: TransitionTable
  readonly now: number
  readonly limits: StuckThresholds
}

/** The audit as one would write it first: every line is parsed, all is kept, each figure is looked up by itself. */
export function slowAudit(files: Files, { table, now, limits }: Question): AuditReport {
  const { histories, fragments, counts } = evidenceOf(files)
  const judged = [...histories].map((history) => assess(history, table))
  const verdicts = applyPartialRecords(judged, fragments, table).sort((a, b) =>
    a.history.key < b.history.key ? -1 : 1,
  )
  const steps = verdicts.flatMap(({ history }) => history.transitions.map(({ record }) => record))
  const open = verdicts.filter(({ ended }) => !ended)
  const limitOf = (state: string): number => limits.states.get(state)?.stuck_after_ms ?? Infinity
  const ids = ({ history }: RequestAssessment) => ({ trace_id: history.traceId, request_id: history.requestId })
  const attempts = new Map<number, number>()
  for (const verdict of verdicts)
    if (verdict.attempts > 0) attempts.set(verdict.attempts, (attempts.get(verdict.attempts) ?? 0) + 1)
  const paths = new Map<string, number>()
  for (const { history } of verdicts) {
    const path = history.transitions.map(({ record }) => record.state).join(' > ')
    paths.set(path, (paths.get(path) ?? 0) + 1)
  }
  /** Every stay that was told, and the service that had brought the request there. */
  const stays = verdicts.flatMap(({ history: { transitions } }) =>
    transitions.flatMap(({ record: { from, dwell_ms, service } }, index) => {
      const before = transitions.slice(0, index).findLast(({ record }) => record.state === from)
      return from === undefined || dwell_ms === undefined
        ? []
        : [{ state: from, service: before?.record.service ?? service, ms: dwell_ms }]
    }),
  )
  const stateOf = (name: string): AuditReport['states'][string] => {
    const services = new Set([
      ...steps.filter(({ state }) => state === name).map(({ service }) => service),
      ...stays.filter(({ state }) => state === name).map(({ service }) => service),
      ...open.filter(({ position }) => position.state === name).map(({ position }) => position.service),
    ])
    const countsOf = (mine: (service: string) => boolean) => ({
      entered: steps.filter(({ state, service }) => state === name && mine(service)).length,
      open: open.filter(({ position }) => position.state === name && mine(position.service)).length,
      dwell_ms: dwell(stays.filter(({ state, service }) => state === name && mine(service)).map(({ ms }) => ms)),
    })
    const limit = limits.states.get(name) ?? { stuck_after_ms: Infinity, from: 'machine' as const }
    const byService = [...services]
      .sort()
      .map((service): [string, ServiceCounts] => [service, { ...countsOf((other) => other === service), ...limit }])
    return { ...countsOf(() => true), services: Object.fromEntries(byService) }
  }
  return {
    now,
    checked: {
      ...counts,
      transitions: steps.length,
      requests: verdicts.length,
      traces: new Set(verdicts.map(({ history }) => history.traceId)).size,
    },
    states: Object.fromEntries(table.states.map(({ name }) => [name, stateOf(name)])),
    stuck: open
      .filter(({ position }) => now - position.since > limitOf(position.state))
      .map((verdict) => {
        const { state, since, service } = verdict.position
        const rest = { attempts: verdict.attempts, last_error: verdict.lastError }
        return { ...ids(verdict), service, state, since, age_ms: now - since, stuck_after_ms: limitOf(state), ...rest }
      })
      .sort((a, b) => a.since - b.since),
    invalid: verdicts.flatMap((verdict) =>
      verdict.invalid.map(({ line: { record, file, line }, reason }) => {
        const { service, seq, from = null, event = null, state } = record
        return { ...ids(verdict), service, seq, from, event, state, reason, file, line }
      }),
    ),
    gaps: verdicts
      .filter(({ missing }) => missing.length > 0)
      .map((verdict) => ({ ...ids(verdict), missing_seq: verdict.missing })),
    duplicates: verdicts.reduce((sum, { duplicates }) => sum + duplicates, 0),
    undelivered: open
      .filter(({ position, attempts: tried }) => tried === 0 && isHandOffState(table, position.state))
      .map((verdict) => {
        const { service, since } = verdict.position
        return { ...ids(verdict), service, since, age_ms: now - since }
      })
      .sort((a, b) => a.since - b.since),
    attempts: Object.fromEntries([...attempts].sort(([a], [b]) => a - b)),
    steps: table.edges.map(({ from, event, to }) => ({
      from,
      event,
      state: to,
      count: steps.filter((taken) => taken.from === from && taken.event === event && taken.state === to).length,
    })),
    paths: [...paths]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([path, requests]) => ({ path, requests })),
  }
}

/** By the nearest rank. */
function dwell(times: readonly number[]): Dwell {
  const sorted = [...times].sort((a, b) => a - b)
  const rank = (share: number): number | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) }
}
