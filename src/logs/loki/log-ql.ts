import { ThroughlineError } from '../../errors.ts'

/** Blanks, comments and opening parentheses: what may stand before a stream selector. */
const BEFORE = /(?:[\s(]|#[^\n]*(?:\n|$))*/y

/** A stream selector, with the strings in it, in which a brace means nothing, and comments. */
const SELECTOR = /\{(?:[^{}"`#]|"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*(?:\n|$))*\}/y

const EVERY_STREAM = '{service_name=~".+"}'

/**
 * The query of an audit: the user's, which sends only lines that hold the word `lifecycle`.
 *
 * The filter is set right behind the stream selector: there it sees the line as it was logged, whatever a later
 * `line_format` makes of it, and before a parser it costs Loki least.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE where it is no log query
 * @example auditQuery('{app="api"} | json') // '{app="api"} |= "lifecycle" | json'
 */
export function auditQuery(query: string): string {
  return filtered(query, '|= "lifecycle"')
}

/**
 * The query of a trace: the lines that hold one of these ids.
 *
 * @param query by default all streams; needs the label `service_name`, which Loki sets by itself from version 3 on
 * @param ids as {@link traceKey} writes them: 32 hex digits are also found as a UUID, in upper and lower case
 * @throws ThroughlineError THROUGHLINE_USAGE where `query` is no log query
 * @example traceQuery('{app="api"}', ['abc-123']) // '{app="api"} |= "abc-123"'
 */
export function traceQuery(query: string | undefined, ids: readonly string[]): string {
  const patterns = [...new Set(ids)].map(patternOf)
  const [only] = ids
  const literal = patterns.length === 1 && only !== undefined && !HEX.test(only)
  return filtered(query ?? EVERY_STREAM, literal ? `|= ${quoted(only)}` : `|~ ${quoted(patterns.join('|'))}`)
}

const HEX = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i

/** Alternatives of plain text, which Loki searches for without its regular expressions. */
function patternOf(id: string): string {
  const [, ...parts] = HEX.exec(id) ?? []
  return parts.length === 0 ? id.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&') : `(?i:${parts.join('-')}|${parts.join('')})`
}

/** A string in the syntax of Go, whose escapes JSON's are among. Half a surrogate pair is not, and no line holds any. */
function quoted(text: string): string {
  return JSON.stringify(Buffer.from(text).toString())
}

function filtered(query: string, filter: string): string {
  const begin = matchAt(BEFORE, query, 0) ?? 0
  const end = matchAt(SELECTOR, query, begin)
  if (end === undefined) throw noLogQuery(query.slice(begin))
  return `${query.slice(0, end)} ${filter}${query.slice(end)}`
}

/** Where the match ends that begins there. */
function matchAt(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function noLogQuery(text: string): ThroughlineError {
  const metric = /^[a-z_]+(?=\s*(?:\(|by\b|without\b))/i.exec(text)?.[0]
  const fault = text.startsWith('{') ? 'its stream selector has no end' : 'it does not begin with a stream selector'
  const what = metric === undefined ? fault : `it is a metric query, with ${metric}`
  return new ThroughlineError(
    'THROUGHLINE_USAGE',
    `--query asks for no log lines: ${what}; write it as {app=~"api|worker"}, with a pipeline or without`,
  )
}
