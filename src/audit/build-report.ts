import type { RequestAssessment } from '../history/assess.ts'
import { queueLine, queueTimes } from '../history/queue-times.ts'
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
  StateCounts,
  StepCount,
  UndeliveredRequest,
} from './report.ts'
import type { StateCounters, StateCounter } from './state-counts.ts'
import { enteredBy, pathOf } from './batch/variants.ts'

/** The counts of the clean requests, and the assessments of all others. */
export interface ReportInput {
  readonly table: TransitionTable
  readonly requestTable: RequestTable
  readonly assessments: readonly RequestAssessment[]
  readonly counts: LineCounts
  readonly now: number
  readonly limits: StuckThresholds
}

/** Builds the report. It may be called once per request table, since it adds the assessments to the table's counts. */
export function buildReport({
  table,
  requestTable,
  assessments: unsorted,
  counts,
  now,
  limits,
}: ReportInput): AuditReport {
  const assessments = [...unsorted].sort(byRequest)
  const { counters, variants, lateLines } = requestTable
  for (const { count, steps } of variants.clean) {
    for (const { entered, left, implied } of steps) {
      entered.entered += count
      if (implied && left !== undefined) left.implied += count
    }
  }
  for (const assessment of assessments) countAssessment(assessment, counters, table)
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
        assessments.reduce((sum, { history }) => sum + history.transitions.length, 0),
      requests: requestTable.evicted + assessments.length,
      traces: requestTable.traces,
    },
    states: Object.fromEntries(states),
    stuck: assessments
      .flatMap(
        (assessment) =>
          stuckEntry(assessment, now, limitOf(assessment.position.state, assessment.position.service).stuck_after_ms) ??
          [],
      )
      .sort((a, b) => a.since - b.since),
    invalid: assessments.flatMap(invalidEntries),
    gaps: assessments.flatMap(gapEntry),
    duplicates: [
      ...variants.clean.map(({ count, duplicates }) => count * duplicates),
      ...assessments.map(({ duplicates }) => duplicates),
    ].reduce((sum, duplicates) => sum + duplicates, lateLines.duplicates),
    undelivered: assessments
      .flatMap((assessment) => undeliveredEntry(assessment, now, table))
      .sort((a, b) => a.since - b.since),
    attempts: attemptCounts(requestTable, assessments),
    paths: pathCounts(requestTable, assessments),
    steps: stepCounts(requestTable, assessments, table),
  }
}

/** True if the report has stuck requests or invalid lines: then the command exits with status 1. */
export function foundWrong(report: AuditReport): boolean {
  return report.stuck.length > 0 || report.invalid.length > 0
}

type LimitOf = (state: string, service: string) => StuckLimit

/** A given threshold takes precedence over a learned one, and that over the machine's. */
function thresholdLookup({ states, auto }: StuckThresholds, counters: StateCounters): LimitOf {
  const learned = new Map<StateCounter, StuckLimit | undefined>()
  // A state that the machine does not have makes the path invalid, and has no threshold.
  const configured = (state: string): StuckLimit => states.get(state) ?? { stuck_after_ms: Infinity, from: 'machine' }
  return (state, service) => {
    const limit = configured(state)
    if (!auto || limit.from === 'given' || limit.stuck_after_ms === Infinity) return limit
    const counter = counters.of(state, service)
    if (!learned.has(counter)) learned.set(counter, learnThreshold(counter.dwell.percentiles(), counter.dwell.count))
    return learned.get(counter) ?? limit
  }
}

function countAssessment(
  { history, position, ended }: RequestAssessment,
  counters: StateCounters,
  table: TransitionTable,
): void {
  const steps = history.transitions.map(({ record }) => record)
  for (const [index, { state, service, from, dwell_ms, implied }] of steps.entries()) {
    counters.of(state, service).entered += 1
    if (from === undefined) continue
    const left = counters.of(from, enteredBy(steps, index) ?? service)
    if (dwell_ms !== undefined) left.dwell.add(dwell_ms)
    if (implied === true) left.implied += 1
  }
  if (!ended) counters.of(position.state, position.service).open += 1
  const queued = steps.find(({ event }) => event === 'ENQUEUE')
  if (queued === undefined) return
  const lines = [...history.transitions, ...history.notes].map(({ record }) => queueLine(record, table))
  counters.addQueueTimes(queued.state, queued.service, queueTimes(lines))
}

function stateCounts(
  counters: readonly StateCounter[],
  limitOf: (service: string) => StuckLimit,
): AuditReport['states'][string] {
  const services = counters.map((counter): [string, ServiceCounts] => {
    const { service, entered, open, dwell, queue } = counter
    const times = { dwell_ms: dwell.percentiles(), ...impliedCount([counter]), ...queueCounts([queue]) }
    return [service, { entered, open, ...times, ...limitOf(service) }]
  })
  return {
    entered: counters.reduce((sum, { entered }) => sum + entered, 0),
    open: counters.reduce((sum, { open }) => sum + open, 0),
    dwell_ms: percentilesOf(counters.map(({ dwell }) => dwell)),
    ...impliedCount(counters),
    ...queueCounts(counters.map(({ queue }) => queue)),
    services: Object.fromEntries(services),
  }
}

function impliedCount(counters: readonly StateCounter[]): Pick<StateCounts, 'implied'> {
  const count = counters.reduce((sum, { implied }) => sum + implied, 0)
  return count === 0 ? {} : { implied: count }
}

function queueCounts(all: readonly StateCounter['queue'][]): Pick<StateCounts, 'waiting_ms' | 'working_ms'> {
  const known = all.filter((queue) => queue !== undefined)
  if (known.length === 0) return {}
  return {
    waiting_ms: percentilesOf(known.map(({ waiting }) => waiting)),
    working_ms: percentilesOf(known.map(({ working }) => working)),
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
  const { service, since, due = now } = position
  if (ended || attempts > 0 || due > now || !isHandOffState(table, position.state)) return []
  return [{ trace_id: history.traceId, request_id: history.requestId, service, since, age_ms: now - since }]
}

function attemptCounts({ attempts }: RequestTable, assessments: readonly RequestAssessment[]): Record<string, number> {
  const counts = new Map(attempts)
  for (const assessment of assessments) counts.set(assessment.attempts, (counts.get(assessment.attempts) ?? 0) + 1)
  counts.delete(0)
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b))
}

function stepCounts(
  { variants }: RequestTable,
  assessments: readonly RequestAssessment[],
  table: TransitionTable,
): StepCount[] {
  const counts = table.edges.map(() => 0)
  const add = ({ from = '', event = '', state }: Pick<RecordKind, 'from' | 'event' | 'state'>, count: number): void => {
    const edge = step(table, from, event)
    if (edge?.to === state) counts[edge.index] = (counts[edge.index] ?? 0) + count
  }
  for (const { count, steps } of variants.clean) for (const { kind } of steps) add(kind, count)
  for (const { history } of assessments) for (const { record } of history.transitions) add(record, 1)
  return table.edges.map(({ from, event, to, index }) => ({ from, event, state: to, count: counts[index] ?? 0 }))
}

const MAX_PATHS = 1_000

function pathCounts({ variants }: RequestTable, assessments: readonly RequestAssessment[]): PathCount[] {
  const counts = new Map<string, number>()
  const add = (path: string, count: number): void => void counts.set(path, (counts.get(path) ?? 0) + count)
  for (const { path, count } of variants.clean) add(path, count)
  for (const { history } of assessments) add(pathOf(history.transitions.map(({ record }) => record)), 1)
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.slice(0, MAX_PATHS).map(([path, requests]) => ({ path, requests }))
}

function byRequest(a: RequestAssessment, b: RequestAssessment): number {
  return a.history.key < b.history.key ? -1 : 1
}
