import type { AuditReport, StateCounts } from '../audit/report.ts'
import { formatDuration } from '../machine/duration.ts'
import { tableRows } from './table-rows.ts'

const COLUMNS = ['entered', 'open', 'p50', 'p95', 'p99', 'max'] as const

/** How many requests entered each state, and for how long they stayed. */
export function statesTable({ states }: AuditReport): string {
  return tableRows(
    ['state', ...COLUMNS],
    Object.entries(states).flatMap(([name, counts]) => [[name, ...figures(counts)], ...queueRows(counts)]),
  )
}

/** The same by the service that moved them there, with their threshold and its source. */
export function servicesTable({ states }: AuditReport): string {
  return tableRows(
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

/** Which part of the time in a queue was spent waiting, and which with a worker. */
function queueRows({ waiting_ms, working_ms }: StateCounts): string[][] {
  if (waiting_ms === undefined || working_ms === undefined) return []
  return [
    ['  waiting', '', '', ...durations(waiting_ms)],
    ['  with a worker', '', '', ...durations(working_ms)],
  ]
}

function figures({ entered, open, dwell_ms }: StateCounts): string[] {
  return [String(entered), String(open), ...durations(dwell_ms)]
}

function durations({ p50, p95, p99, max }: StateCounts['dwell_ms']): string[] {
  return [p50, p95, p99, max].map((ms) => (ms === null ? '' : formatDuration(ms)))
}
