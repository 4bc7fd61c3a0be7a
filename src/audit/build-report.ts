import type { Verdict } from '../history/assess.ts'
import { isHandOver, step, type TransitionTable } from '../machine/table.ts'
import type { RecordKind } from '../record/record-batch.ts'
import { figuresOf } from './dwell-histogram.ts'
import { invalidEntries, stuckEntry } from './report-entries.ts'
import type { Ledger } from './batch/request-table.ts'
import { learnt, type StuckLimit, type StuckLimits } from './stuck-thresholds.ts'
import type { AuditReport, GapEntry, LineCounts, PathCount, ServiceCounts, StepCount, UndeliveredRequest } from './report.ts'
import type { Tallies, Tally } from './state-counts.ts'
import { enteredBy, pathOf } from './batch/variants.ts'

/** What a report is made from: what was counted of clean requests, and the verdicts on all others. */
export interface Findings {
  readonly table: TransitionTable
  readonly ledger: Ledger
  readonly verdicts: readonly Verdict[]
  readonly counts: LineCounts
  readonly now: number
  readonly limits: StuckLimits
}

/** Puts the answer together. Called once for a ledger: it counts the verdicts into it. */
export function reportOf({ table, ledger, verdicts: unsorted, counts, now, limits }: Findings): AuditReport {
  const verdicts = [...unsorted].sort(byRequest)
  const { tallies, variants, afterEnd } = ledger
  for (const { count, steps } of variants.clean) for (const { entered } of steps) entered.entered += count
  for (const verdict of verdicts) tally(verdict, tallies)
  const limitOf = limiter(limits, tallies)
  const states = table.states.map(({ name }) => [name, stateCounts(tallies.in(name), (service) => limitOf(name, service))] as const)
  return {
    now,
    checked: {
      ...counts,
      transitions:
        variants.clean.reduce((sum, { count, steps }) => sum + count * steps.length, afterEnd.transitions) +
        verdicts.reduce((sum, { history }) => sum + history.transitions.length, 0),
      requests: ledger.settled + verdicts.length,
      traces: ledger.traces,
    },
    states: Object.fromEntries(states),
    stuck: verdicts
      .flatMap((verdict) => stuckEntry(verdict, now, limitOf(verdict.standing.state, verdict.standing.service).stuck_after_ms) ?? [])
      .sort((a, b) => a.since - b.since),
    invalid: verdicts.flatMap(invalidEntries),
    gaps: verdicts.flatMap(gapEntry),
    duplicates: [...variants.clean.map(({ count, duplicates }) => count * duplicates), ...verdicts.map(({ duplicates }) => duplicates)].reduce(
      (sum, duplicates) => sum + duplicates,
      afterEnd.duplicates,
    ),
    undelivered: verdicts.flatMap((verdict) => undeliveredEntry(verdict, now, table)).sort((a, b) => a.since - b.since),
    attempts: attemptCounts(ledger, verdicts),
    paths: pathCounts(ledger, verdicts),
    steps: stepCounts(ledger, verdicts, table),
  }
}

/** True where something was found wrong: what the exit status 1 means. */
export function foundWrong(report: AuditReport): boolean {
  return report.stuck.length > 0 || report.invalid.length > 0
}

type LimitOf = (state: string, service: string) => StuckLimit

/** What was given for a state goes before what its stays suggest, and that before what the machine says. */
function limiter({ states, auto }: StuckLimits, tallies: Tallies): LimitOf {
  const learned = new Map<Tally, StuckLimit | undefined>()
  // A state that the machine has not is an invalid path, of which nobody knows how long it may take.
  const stated = (state: string): StuckLimit => states.get(state) ?? { stuck_after_ms: Infinity, from: 'machine' }
  return (state, service) => {
    const limit = stated(state)
    if (!auto || limit.from === 'given' || limit.stuck_after_ms === Infinity) return limit
    const tally = tallies.of(state, service)
    if (!learned.has(tally)) learned.set(tally, learnt(tally.times.figures(), tally.times.count))
    return learned.get(tally) ?? limit
  }
}

function tally({ history, standing, ended }: Verdict, tallies: Tallies): void {
  const steps = history.transitions.map(({ record }) => record)
  for (const [index, { state, service, from, dwell_ms }] of steps.entries()) {
    tallies.of(state, service).entered += 1
    if (from !== undefined && dwell_ms !== undefined) tallies.of(from, enteredBy(steps, index) ?? service).times.add(dwell_ms)
  }
  if (!ended) tallies.of(standing.state, standing.service).open += 1
}

function stateCounts(tallies: readonly Tally[], limitOf: (service: string) => StuckLimit): AuditReport['states'][string] {
  const services = tallies.map(({ service, entered, open, times }): [string, ServiceCounts] => [
    service,
    { entered, open, dwell_ms: times.figures(), ...limitOf(service) },
  ])
  return {
    entered: tallies.reduce((sum, { entered }) => sum + entered, 0),
    open: tallies.reduce((sum, { open }) => sum + open, 0),
    dwell_ms: figuresOf(tallies.map(({ times }) => times)),
    services: Object.fromEntries(services),
  }
}

function gapEntry({ history, missing }: Verdict): GapEntry[] {
  return missing.length === 0 ? [] : [{ trace_id: history.traceId, request_id: history.requestId, missing_seq: missing }]
}

function undeliveredEntry({ history, standing, ended, attempts }: Verdict, now: number, table: TransitionTable): UndeliveredRequest[] {
  if (ended || attempts > 0 || !isHandOver(table, standing.state)) return []
  const { service, since } = standing
  return [{ trace_id: history.traceId, request_id: history.requestId, service, since, age_ms: now - since }]
}

function attemptCounts({ attempts }: Ledger, verdicts: readonly Verdict[]): Record<string, number> {
  const counts = new Map(attempts)
  for (const verdict of verdicts) counts.set(verdict.attempts, (counts.get(verdict.attempts) ?? 0) + 1)
  counts.delete(0)
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b))
}

function stepCounts({ variants }: Ledger, verdicts: readonly Verdict[], table: TransitionTable): StepCount[] {
  const counts = table.edges.map(() => 0)
  const add = ({ from = '', event = '', state }: Pick<RecordKind, 'from' | 'event' | 'state'>, count: number): void => {
    const edge = step(table, from, event)
    if (edge?.to === state) counts[edge.index] = (counts[edge.index] ?? 0) + count
  }
  for (const { count, steps } of variants.clean) for (const { kind } of steps) add(kind, count)
  for (const { history } of verdicts) for (const { record } of history.transitions) add(record, 1)
  return table.edges.map(({ from, event, to, index }) => ({ from, event, state: to, count: counts[index] ?? 0 }))
}

const MOST_PATHS = 1_000

function pathCounts({ variants }: Ledger, verdicts: readonly Verdict[]): PathCount[] {
  const counts = new Map<string, number>()
  const add = (path: string, count: number): void => void counts.set(path, (counts.get(path) ?? 0) + count)
  for (const { path, count } of variants.clean) add(path, count)
  for (const { history } of verdicts) add(pathOf(history.transitions.map(({ record }) => record)), 1)
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.slice(0, MOST_PATHS).map(([path, requests]) => ({ path, requests }))
}

function byRequest(a: Verdict, b: Verdict): number {
  return a.history.key < b.history.key ? -1 : 1
}
