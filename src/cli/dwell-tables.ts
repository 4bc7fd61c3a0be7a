import type { AuditReport, StateCounts } from '../audit/report.ts'
import { formatDuration } from '../machine/duration.ts'
import { tableRows } from './table-rows.ts'

const COLUMNS = ['entered', 'open', 'p50', 'p95', 'p99', 'max'] as const

/** How many requests entered each state, and for how long they stayed. */
export function statesTable({ states }: AuditReport): string {
  return tableRows(
    ['state', ...COLUMNS],
    Object.entries(states).map(([name, counts]) => [name, ...figures(counts)]),
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

function figures({ entered, open, dwell_ms }: StateCounts): string[] {
  const { p50, p95, p99, max } = dwell_ms
  return [String(entered), String(open), ...[p50, p95, p99, max].map((ms) => (ms === null ? '' : formatDuration(ms)))]
}
