import { HEADERS } from './carrier.ts'

const KEYS = [
  ['trace_id', HEADERS.traceId],
  ['traceparent', HEADERS.traceparent],
] as const

/**
 * Appends the trace context to a statement as a sqlcommenter comment with the keys `trace_id` and `traceparent`.
 *
 * Returned as it is: a text that already holds a comment, and an empty one. A trailing semicolon stays last.
 *
 * @param headers what a request sends: `request.headers()`
 * @see https://google.github.io/sqlcommenter/spec/
 * @example withSqlComment('SELECT 1;', request.headers()) // a comment stands before the semicolon
 */
export function withSqlComment(sql: string, headers: Readonly<Record<string, string | undefined>>): string {
  if (sql.includes('/*') || sql.includes('--') || sql.trim() === '') return sql
  const pairs = KEYS.flatMap(([key, name]) => {
    const value = headers[name]
    return value === undefined ? [] : [`${key}='${escaped(value)}'`]
  })
  if (pairs.length === 0) return sql
  const end = endOfText(sql)
  return `${sql.slice(0, end)} /*${pairs.join(',')}*/${sql.slice(end)}`
}

/** Where the statement ends and semicolons and white space begin. */
function endOfText(sql: string): number {
  let end = sql.length
  while (end > 0 && /[;\s]/.test(sql.charAt(end - 1))) end -= 1
  return end
}

/** As the specification demands: percent-encoded, and with it every quote and every end of a comment. */
function escaped(value: string): string {
  return encodeURIComponent(value).replaceAll("'", '%27').replaceAll('*', '%2A')
}
