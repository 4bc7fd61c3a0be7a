import { HEADERS, inject, type TraceContext } from './carrier.ts'

const KEYS = [
  ['trace_id', HEADERS.traceId],
  ['traceparent', HEADERS.traceparent],
] as const

/**
 * Appends the trace context to a statement as a sqlcommenter comment with the keys `trace_id` and `traceparent`.
 *
 * A statement that already has a comment, or is empty, is returned unchanged. A trailing semicolon stays last.
 *
 * @param source the request; or headers, of which `request.headers()` would count the statement as a call to a service
 * @see https://google.github.io/sqlcommenter/spec/
 * @example withSqlComment('SELECT 1;', request) // the comment comes before the semicolon
 */
export function withSqlComment(sql: string, source: SqlCommentSource): string {
  if (sql.includes('/*') || sql.includes('--') || sql.trim() === '') return sql
  const headers = isRequest(source) ? inject(source.context) : source
  const pairs = KEYS.flatMap(([key, name]) => {
    const value = headers[name]
    return value === undefined ? [] : [`${key}='${encodeValue(value)}'`]
  })
  if (pairs.length === 0) return sql
  const end = endOfStatement(sql)
  return `${sql.slice(0, end)} /*${pairs.join(',')}*/${sql.slice(end)}`
}

/** What a comment is made of. */
export type SqlCommentSource = { readonly context: TraceContext } | Readonly<Record<string, string | undefined>>

function isRequest(source: SqlCommentSource): source is { readonly context: TraceContext } {
  return typeof source.context === 'object'
}

/** The length of the statement without trailing semicolons and white space. */
function endOfStatement(sql: string): number {
  let end = sql.length
  while (end > 0 && /[;\s]/.test(sql.charAt(end - 1))) end -= 1
  return end
}

/**
 * Percent-encodes a value as the specification requires, including quotes, and `*` so that it cannot end the comment.
 */
function encodeValue(value: string): string {
  return encodeURIComponent(value).replaceAll("'", '%27').replaceAll('*', '%2A')
}
