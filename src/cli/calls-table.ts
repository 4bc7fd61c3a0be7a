import type { CallReport } from '../audit/report.ts'
import { firstRows, pluralize, tableRows } from './table-rows.ts'

/** A service that does not log loses every call. A screenful of them is enough. */
const MAX_EXAMPLES = 20

/** How many calls each service has sent and lost, and some of those that left no line. */
export function callsTable({ sent, lost, undecided, services }: CallReport): string {
  if (sent === 0 && undecided === 0) return 'no line in these logs counts its calls'
  const examples = Object.values(services).flatMap((service) => service.examples)
  const sections = [
    tableRows(
      ['service', 'sent', 'no line in these logs'],
      Object.entries(services).map(([service, counts]) => [
        service,
        counts.sent.toLocaleString('en'),
        counts.lost.toLocaleString('en'),
      ]),
    ),
    undecided === 0 ? '' : `${pluralize(undecided, 'call')} undecided: too many were open at the same time`,
    lost === 0
      ? ''
      : firstRows(
          MAX_EXAMPLES,
          ['call', 'service', 'trace_id', 'request_id'],
          examples.map(({ call, of, attempt, service, trace_id, request_id }) => [
            `${String(call)} of ${String(of)}${attempt === undefined ? '' : `, attempt ${String(attempt)}`}`,
            service,
            trace_id,
            request_id,
          ]),
        ),
  ]
  return sections.filter((section) => section !== '').join('\n\n')
}
