import { judge, type Verdict } from '../history/verdict.ts'
import { withFragments } from '../history/salvaged.ts'
import type { TransitionTable } from '../lifecycle/table.ts'
import type { Evidence } from './evidence.ts'
import type { AuditReport, Dwell, GapEntry, InvalidEntry } from './report.ts'
import type { StuckRequest } from '../transition/stuck.ts'

/** What an audit is asked. */
export interface AuditQuestion {
  readonly table: TransitionTable
  /** The moment to which ages are counted, in epoch milliseconds. */
  readonly now: number
  /** Thresholds by state, in milliseconds: see {@link stuckLimits}. */
  readonly limits: ReadonlyMap<string, number>
}

/**
 * Finds the requests that are stuck and the lines that no run of the machine writes.
 *
 * The answer depends on what the lines say alone: not on their order, on repeats, or on lines of others. Damaged
 * lines are counted, accuse nobody, and what they alone told is listed under gaps.
 */
export function audit(evidence: Evidence, { table, now, limits }: AuditQuestion): AuditReport {
  const judged = [...evidence.histories].map((history) => judge(history, table))
  const verdicts = withFragments(judged, evidence.fragments, table).sort(byRequest)
  const transitions = verdicts.flatMap(({ history }) => history.transitions.map(({ record }) => record))
  return {
    now,
    checked: {
      ...evidence.counts,
      transitions: transitions.length,
      requests: verdicts.length,
      traces: new Set(verdicts.map(({ history }) => history.key.split(' ', 1)[0])).size,
    },
    states: Object.fromEntries(
      table.states.map(({ name }) => [
        name,
        {
          entered: transitions.filter(({ state }) => state === name).length,
          open: verdicts.filter(({ ended, standing }) => !ended && standing.state === name).length,
          dwell_ms: dwell(transitions.flatMap(({ from, dwell_ms }) => (from === name && dwell_ms !== undefined ? [dwell_ms] : []))),
        },
      ]),
    ),
    stuck: verdicts.flatMap((verdict) => stuckEntry(verdict, now, limits)).sort((a, b) => a.since - b.since),
    invalid: verdicts.flatMap(invalidEntries),
    gaps: verdicts.flatMap(gapEntry),
    duplicates: verdicts.reduce((sum, { duplicates }) => sum + duplicates, 0),
  }
}

/** True where something was found wrong: what the exit status 1 means. */
export function foundWrong(report: AuditReport): boolean {
  return report.stuck.length > 0 || report.invalid.length > 0
}

function stuckEntry({ history, standing, ended, attempts, lastError }: Verdict, now: number, limits: ReadonlyMap<string, number>): StuckRequest[] {
  // A state that the machine has not is an invalid path, of which nobody knows how long it may take.
  const limit = limits.get(standing.state) ?? Infinity
  if (ended || now - standing.since <= limit) return []
  const { state, since, service } = standing
  const ids = { trace_id: history.traceId, request_id: history.requestId }
  return [{ ...ids, service, state, since, age_ms: now - since, stuck_after_ms: limit, attempts, last_error: lastError }]
}

function invalidEntries({ history, invalid }: Verdict): InvalidEntry[] {
  return invalid.map(({ found: { record, file, line }, reason }) => ({
    trace_id: history.traceId,
    request_id: history.requestId,
    service: record.service,
    seq: record.seq,
    from: record.from ?? null,
    event: record.event ?? null,
    state: record.state,
    reason,
    file,
    line,
  }))
}

function gapEntry({ history, missing }: Verdict): GapEntry[] {
  return missing.length === 0 ? [] : [{ trace_id: history.traceId, request_id: history.requestId, missing_seq: missing }]
}

/** By the nearest rank: every figure is a time that was measured. */
function dwell(times: number[]): Dwell {
  const sorted = Float64Array.from(times).sort()
  const rank = (share: number): number | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) }
}

function byRequest(a: Verdict, b: Verdict): number {
  return a.history.key < b.history.key ? -1 : 1
}
