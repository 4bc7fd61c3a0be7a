import { HEADERS, inject, type TraceContext } from './carrier.ts'

/**
 * Appends the trace context to a statement as a sqlcommenter comment with the keys `trace_id` and `traceparent`.
 *
 * Returned as it is: a text that already holds a comment, and an empty one. A trailing semicolon stays last.
 *
 * @see https://google.github.io/sqlcommenter/spec/
 * @example withSqlComment('SELECT 1;', request) // a comment stands before the semicolon
 */
export function withSqlComment(sql: string, context: TraceContext): string {
  if (sql.includes('/*') || sql.includes('--') || sql.trim() === '') return sql
  const headers = inject(context)
  const pairs = [
    ['trace_id', context.traceId],
    ['traceparent', headers[HEADERS.traceparent] ?? ''],
  ] as const
  const comment = pairs.map(([key, value]) => `${key}='${escaped(value)}'`).join(',')
  const end = /[;\s]*$/.exec(sql)?.index ?? sql.length
  return `${sql.slice(0, end)} /*${comment}*/${sql.slice(end)}`
}

/** As the specification demands: percent-encoded, and with it every quote and every end of a comment. */
function escaped(value: string): string {
  return encodeURIComponent(value).replaceAll("'", '%27').replaceAll('*', '%2A')
}
