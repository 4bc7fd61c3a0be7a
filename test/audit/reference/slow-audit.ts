import type { AuditReport } from '../../../src/audit/report.ts'
import { applyFragments } from './apply-fragments.ts'
import { assess, type Assessment } from './assess.ts'
import type { Fragment } from './fragment.ts'
import { historiesOf, type Line } from './histories.ts'
import { isQueue, type Machine } from './machine.ts'
import { readLine } from './read-line.ts'
import { stateFigures } from './state-counts.ts'

/** Files by name, with their lines. */
export type Files = Readonly<Record<string, readonly string[]>>

export interface Question {
  readonly machine: Machine
  /** Epoch milliseconds, or `'end'` for the time of the latest record. */
  readonly now: number | 'end'
  /** Thresholds as on the command line. */
  readonly stuckAfter: readonly string[]
}

/** The audit in its simplest form: it keeps every line, and looks up each figure by itself. */
export function slowAudit(files: Files, { machine, now: asked, stuckAfter }: Question): AuditReport {
  const { lines, fragments, counts } = readAll(files)
  const histories = historiesOf(lines)
  const requests = applyFragments(
    histories.map((history) => assess(history, machine)),
    fragments,
    machine,
  )
  const now = asked === 'end' ? Math.max(...lines.map(({ record }) => record.time)) : asked
  const { states, thresholdOf } = stateFigures(requests, machine, stuckAfter)
  const open = requests.filter(({ ended }) => !ended).sort((a, b) => a.position.since - b.position.since)
  const transitions = requests.flatMap(({ history }) => history.transitions.map(({ record }) => record))
  return {
    now,
    checked: {
      ...counts,
      transitions: transitions.length,
      requests: requests.length,
      traces: new Set(histories.map(({ trace }) => trace)).size,
    },
    states,
    stuck: open.flatMap((request) => {
      const { state, service, since, due } = request.position
      const { stuck_after_ms } = thresholdOf(state, service)
      const rest = { stuck_after_ms, attempts: request.attempts, last_error: request.lastError }
      const entry = { ...idsOf(request), service, state, since, age_ms: now - since, ...rest, cause: causeOf(request) }
      // A request that is meant to wait counts from its due time.
      const isStuck = now - Math.max(since, due ?? since) > stuck_after_ms
      return isStuck ? [due === undefined ? entry : { ...entry, due }] : []
    }),
    invalid: requests.flatMap((request) =>
      request.invalid.map(({ line: { record, file, number }, reason }) => {
        const { service, seq, from = null, event = null, state } = record
        return { ...idsOf(request), service, seq, from, event, state, reason, file, line: number }
      }),
    ),
    gaps: requests
      .filter(({ missing }) => missing.length > 0)
      .map((request) => ({ ...idsOf(request), missing_seq: request.missing })),
    duplicates: requests.reduce((sum, { duplicates }) => sum + duplicates, 0),
    undelivered: open
      .filter(({ position, attempts }) => attempts === 0 && isQueue(machine, position.state))
      .filter(({ position: { due = now } }) => due <= now)
      .map((request) => {
        const { service, since } = request.position
        return { ...idsOf(request), service, since, age_ms: now - since }
      }),
    attempts: countEach(requests.flatMap(({ attempts }) => (attempts === 0 ? [] : [String(attempts)]))),
    steps: machine.edges.map(({ from, event, to }) => {
      const isStep = (one: { from: string | undefined; event: string | undefined; state: string }): boolean =>
        one.from === from && one.event === event && one.state === to
      return { from, event, state: to, count: transitions.filter(isStep).length }
    }),
    paths: Object.entries(countEach(requests.map(({ history }) => pathOf(history.transitions))))
      .map(([path, count]) => ({ path, requests: count }))
      .sort((a, b) => b.requests - a.requests || (a.path < b.path ? -1 : 1)),
  }
}

/** A shutdown that was noted in the present state, unless a later attempt has begun. */
function causeOf({ history, position }: Assessment): 'shutdown' | null {
  const events = history.notes.filter(({ record }) => record.time >= position.since).map(({ record }) => record.event)
  return events.lastIndexOf('SHUTDOWN') > events.lastIndexOf('ATTEMPT') ? 'shutdown' : null
}

interface Evidence {
  readonly lines: readonly Line[]
  readonly fragments: readonly Fragment[]
  readonly counts: { readonly lines: number; readonly other_lines: number; readonly damaged_lines: number }
}

function readAll(files: Files): Evidence {
  const entries = Object.entries(files).flatMap(([file, texts]) =>
    texts.flatMap((text, index) => readLine(text).map((entry) => ({ entry, file, number: index + 1 }))),
  )
  const count = (is: string): number => entries.filter(({ entry }) => entry.is === is).length
  return {
    lines: entries.flatMap(({ entry, file, number }) =>
      entry.is === 'record' ? [{ record: entry.record, file, number }] : [],
    ),
    fragments: entries.flatMap(({ entry }) => (entry.is === 'damaged' ? (entry.fragment ?? []) : [])),
    counts: { lines: entries.length, other_lines: count('other'), damaged_lines: count('damaged') },
  }
}

function idsOf({ history }: Assessment): { readonly trace_id: string; readonly request_id: string } {
  return { trace_id: history.trace, request_id: history.request }
}

function pathOf(transitions: readonly Line[]): string {
  return transitions.map(({ record }) => record.state).join(' > ')
}

function countEach(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(names)].map((name) => [name, names.filter((other) => other === name).length]))
}
