import type { AuditReport, StateCounts } from '../audit/report.ts'
import { formatDuration } from '../machine/duration.ts'
import { tableRows } from './table-rows.ts'

/** The last one has no name: it marks times that are no measurement. */
const COLUMNS = ['entered', 'open', 'p50', 'p95', 'p99', 'max', ''] as const

/** How many requests entered each state, and for how long they stayed. */
export function statesTable({ states }: AuditReport): string {
  return markedRows(
    ['state', ...COLUMNS],
    Object.entries(states).flatMap(([name, counts]) => [[name, ...figures(counts)], ...queueRows(counts)]),
  )
}

/** The same by the service that moved them there, with their threshold and its source. */
export function servicesTable({ states }: AuditReport): string {
  return markedRows(
    ['state', 'service', ...COLUMNS, 'limit', 'from'],
    Object.entries(states).flatMap(([state, { services }]) =>
      Object.entries(services).map(([service, counts]) => {
        const { stuck_after_ms, from } = counts
        return [
          state,
          service,
          ...figures(counts),
          ...(stuck_after_ms === Infinity ? ['', ''] : [formatDuration(stuck_after_ms), from]),
        ]
      }),
    ),
  )
}

/** All services that moved requests. */
export function servicesIn({ states }: AuditReport): ReadonlySet<string> {
  return new Set(Object.values(states).flatMap(({ services }) => Object.keys(services)))
}

/** A table whose column of marks is left out if nothing is marked. */
function markedRows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const marks = head.indexOf('')
  const isShown = (_: string, column: number): boolean => column !== marks || body.some((row) => row[marks] !== '')
  return tableRows(
    head.filter(isShown),
    body.map((row) => row.filter(isShown)),
  )
}

/** Which part of the time in a queue was spent waiting, and which with a worker. */
function queueRows({ waiting_ms, working_ms }: StateCounts): string[][] {
  if (waiting_ms === undefined || working_ms === undefined) return []
  return [
    ['  waiting', '', '', ...durations(waiting_ms), ''],
    ['  with a worker', '', '', ...durations(working_ms), ''],
  ]
}

function figures(counts: StateCounts): string[] {
  const { entered, open, dwell_ms } = counts
  return [String(entered), String(open), ...durations(dwell_ms), impliedMark(counts)]
}

/** Marks the times in a state that requests left, most of them, by a step that their handler did not report. */
function impliedMark({ entered, open, implied = 0 }: StateCounts): string {
  const left = entered - open
  if (implied === 0 || implied * 2 <= left) return ''
  return implied < left ? '(mostly implied)' : '(implied)'
}

function durations({ p50, p95, p99, max }: StateCounts['dwell_ms']): string[] {
  return [p50, p95, p99, max].map((ms) => (ms === null ? '' : formatDuration(ms)))
}
