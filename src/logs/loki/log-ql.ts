import { ThroughlineError } from '../../errors.ts'

/** What may precede a stream selector: spaces, comments and opening parentheses. */
const BEFORE = /(?:[\s(]|#[^\n]*(?:\n|$))*/y

/** A stream selector. Braces within its strings and comments have no meaning. */
const SELECTOR = /\{(?:[^{}"`#]|"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*(?:\n|$))*\}/y

const ALL_STREAMS = '{service_name=~".+"}'

/**
 * The query of an audit: the user's query, limited to lines that contain the word `lifecycle`.
 *
 * The filter directly follows the stream selector. There it sees the line as it was logged, before any `line_format`,
 * and costs Loki least, before any parser.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE if it is not a log query
 * @example auditQuery('{app="api"} | json') // '{app="api"} |= "lifecycle" | json'
 */
export function auditQuery(query: string): string {
  return withFilter(query, '|= "lifecycle"')
}

/**
 * The query of a trace: the lines that contain one of these ids.
 *
 * @param query by default all streams with the label `service_name`, which Loki sets by itself from version 3 on
 * @param ids as `canonicalTraceId` returns them: 32 hex digits are also found as a UUID, in upper and lower case
 * @throws ThroughlineError THROUGHLINE_USAGE if `query` is not a log query
 * @example traceQuery('{app="api"}', ['abc-123']) // '{app="api"} |= "abc-123"'
 */
export function traceQuery(query: string | undefined, ids: readonly string[]): string {
  const patterns = [...new Set(ids)].map(patternOf)
  const [only] = ids
  const literal = patterns.length === 1 && only !== undefined && !HEX.test(only)
  return withFilter(query ?? ALL_STREAMS, literal ? `|= ${quoted(only)}` : `|~ ${quoted(patterns.join('|'))}`)
}

const HEX = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i

/** Alternatives of plain text, which Loki matches without a regular expression. */
function patternOf(id: string): string {
  const [, ...parts] = HEX.exec(id) ?? []
  return parts.length === 0 ? id.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&') : `(?i:${parts.join('-')}|${parts.join('')})`
}

/** A Go string. JSON's escapes are valid in Go, except lone surrogates, which the conversion through bytes replaces. */
function quoted(text: string): string {
  return JSON.stringify(Buffer.from(text).toString())
}

function withFilter(query: string, filter: string): string {
  const start = matchEnd(BEFORE, query, 0) ?? 0
  const end = matchEnd(SELECTOR, query, start)
  if (end === undefined) throw notALogQuery(query.slice(start))
  return `${query.slice(0, end)} ${filter}${query.slice(end)}`
}

/** Where a match that starts at an index ends. */
function matchEnd(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function notALogQuery(text: string): ThroughlineError {
  const metric = /^[a-z_]+(?=\s*(?:\(|by\b|without\b))/i.exec(text)?.[0]
  const fault = text.startsWith('{') ? 'its stream selector is not closed' : 'it does not start with a stream selector'
  const what = metric === undefined ? fault : `it is a metric query with ${metric}`
  return new ThroughlineError(
    'THROUGHLINE_USAGE',
    `--query is not a log query: ${what}; write {app=~"api|worker"}, with or without a pipeline`,
  )
}
