import type { RequestAssessment } from '../history/assess.ts'
import { isHandOffState, step, type TransitionTable } from '../machine/table.ts'
import type { RecordKind } from '../record/record-batch.ts'
import { percentilesOf } from './dwell-histogram.ts'
import { invalidEntries, stuckEntry } from './report-entries.ts'
import type { RequestTable } from './batch/request-table.ts'
import { learnThreshold, type StuckLimit, type StuckThresholds } from './stuck-thresholds.ts'
import type {
  AuditReport,
  GapEntry,
  LineCounts,
  PathCount,
  ServiceCounts,
  StepCount,
  UndeliveredRequest,
} from './report.ts'
import type { StateCounters, StateCounter } from './state-counts.ts'
import { enteredBy, pathOf } from './batch/variants.ts'

/** What a report is made from: what was counted of clean requests, and the verdicts on all others. */
export interface ReportInput {
  readonly table: TransitionTable
  readonly requestTable: RequestTable
  readonly assessments: readonly RequestAssessment[]
  readonly counts: LineCounts
  readonly now: number
  readonly limits: StuckThresholds
}

/** Puts the answer together. Called once for a ledger: it counts the verdicts into it. */
export function buildReport({
  table,
  requestTable,
  assessments: unsorted,
  counts,
  now,
  limits,
}: ReportInput): AuditReport {
  const verdicts = [...unsorted].sort(byRequest)
  const { counters, variants, lateLines } = requestTable
  for (const { count, steps } of variants.clean) for (const { entered } of steps) entered.entered += count
  for (const verdict of verdicts) tally(verdict, counters)
  const limitOf = thresholdLookup(limits, counters)
  const states = table.states.map(
    ({ name }) => [name, stateCounts(counters.in(name), (service) => limitOf(name, service))] as const,
  )
  return {
    now,
    checked: {
      ...counts,
      transitions:
        variants.clean.reduce((sum, { count, steps }) => sum + count * steps.length, lateLines.transitions) +
        verdicts.reduce((sum, { history }) => sum + history.transitions.length, 0),
      requests: requestTable.evicted + verdicts.length,
      traces: requestTable.traces,
    },
    states: Object.fromEntries(states),
    stuck: verdicts
      .flatMap(
        (verdict) =>
          stuckEntry(verdict, now, limitOf(verdict.position.state, verdict.position.service).stuck_after_ms) ?? [],
      )
      .sort((a, b) => a.since - b.since),
    invalid: verdicts.flatMap(invalidEntries),
    gaps: verdicts.flatMap(gapEntry),
    duplicates: [
      ...variants.clean.map(({ count, duplicates }) => count * duplicates),
      ...verdicts.map(({ duplicates }) => duplicates),
    ].reduce((sum, duplicates) => sum + duplicates, lateLines.duplicates),
    undelivered: verdicts.flatMap((verdict) => undeliveredEntry(verdict, now, table)).sort((a, b) => a.since - b.since),
    attempts: attemptCounts(requestTable, verdicts),
    paths: pathCounts(requestTable, verdicts),
    steps: stepCounts(requestTable, verdicts, table),
  }
}

/** True where something was found wrong: what the exit status 1 means. */
export function foundWrong(report: AuditReport): boolean {
  return report.stuck.length > 0 || report.invalid.length > 0
}

type LimitOf = (state: string, service: string) => StuckLimit

/** What was given for a state goes before what its stays suggest, and that before what the machine says. */
function thresholdLookup({ states, auto }: StuckThresholds, tallies: StateCounters): LimitOf {
  const learned = new Map<StateCounter, StuckLimit | undefined>()
  // A state that the machine has not is an invalid path, of which nobody knows how long it may take.
  const stated = (state: string): StuckLimit => states.get(state) ?? { stuck_after_ms: Infinity, from: 'machine' }
  return (state, service) => {
    const limit = stated(state)
    if (!auto || limit.from === 'given' || limit.stuck_after_ms === Infinity) return limit
    const countAssessment = tallies.of(state, service)
    if (!learned.has(countAssessment))
      learned.set(countAssessment, learnThreshold(countAssessment.dwell.percentiles(), countAssessment.dwell.count))
    return learned.get(countAssessment) ?? limit
  }
}

function tally({ history, position, ended }: RequestAssessment, tallies: StateCounters): void {
  const steps = history.transitions.map(({ record }) => record)
  for (const [index, { state, service, from, dwell_ms }] of steps.entries()) {
    tallies.of(state, service).entered += 1
    if (from !== undefined && dwell_ms !== undefined)
      tallies.of(from, enteredBy(steps, index) ?? service).dwell.add(dwell_ms)
  }
  if (!ended) tallies.of(position.state, position.service).open += 1
}

function stateCounts(
  tallies: readonly StateCounter[],
  limitOf: (service: string) => StuckLimit,
): AuditReport['states'][string] {
  const services = tallies.map(({ service, entered, open, dwell }): [string, ServiceCounts] => [
    service,
    { entered, open, dwell_ms: dwell.percentiles(), ...limitOf(service) },
  ])
  return {
    entered: tallies.reduce((sum, { entered }) => sum + entered, 0),
    open: tallies.reduce((sum, { open }) => sum + open, 0),
    dwell_ms: percentilesOf(tallies.map(({ dwell }) => dwell)),
    services: Object.fromEntries(services),
  }
}

function gapEntry({ history, missing }: RequestAssessment): GapEntry[] {
  return missing.length === 0
    ? []
    : [{ trace_id: history.traceId, request_id: history.requestId, missing_seq: missing }]
}

function undeliveredEntry(
  { history, position, ended, attempts }: RequestAssessment,
  now: number,
  table: TransitionTable,
): UndeliveredRequest[] {
  if (ended || attempts > 0 || !isHandOffState(table, position.state)) return []
  const { service, since } = position
  return [{ trace_id: history.traceId, request_id: history.requestId, service, since, age_ms: now - since }]
}

function attemptCounts({ attempts }: RequestTable, verdicts: readonly RequestAssessment[]): Record<string, number> {
  const counts = new Map(attempts)
  for (const verdict of verdicts) counts.set(verdict.attempts, (counts.get(verdict.attempts) ?? 0) + 1)
  counts.delete(0)
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b))
}

function stepCounts(
  { variants }: RequestTable,
  verdicts: readonly RequestAssessment[],
  table: TransitionTable,
): StepCount[] {
  const counts = table.edges.map(() => 0)
  const add = ({ from = '', event = '', state }: Pick<RecordKind, 'from' | 'event' | 'state'>, count: number): void => {
    const edge = step(table, from, event)
    if (edge?.to === state) counts[edge.index] = (counts[edge.index] ?? 0) + count
  }
  for (const { count, steps } of variants.clean) for (const { kind } of steps) add(kind, count)
  for (const { history } of verdicts) for (const { record } of history.transitions) add(record, 1)
  return table.edges.map(({ from, event, to, index }) => ({ from, event, state: to, count: counts[index] ?? 0 }))
}

const MAX_PATHS = 1_000

function pathCounts({ variants }: RequestTable, verdicts: readonly RequestAssessment[]): PathCount[] {
  const counts = new Map<string, number>()
  const add = (path: string, count: number): void => void counts.set(path, (counts.get(path) ?? 0) + count)
  for (const { path, count } of variants.clean) add(path, count)
  for (const { history } of verdicts) add(pathOf(history.transitions.map(({ record }) => record)), 1)
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.slice(0, MAX_PATHS).map(([path, requests]) => ({ path, requests }))
}

function byRequest(a: RequestAssessment, b: RequestAssessment): number {
  return a.history.key < b.history.key ? -1 : 1
}
