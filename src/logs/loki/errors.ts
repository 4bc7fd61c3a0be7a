import { ThroughlineError } from '../../errors.ts'

/** A limit of the server that a query exceeds: the number of lines per query, or the amount of data that it reads. */
export type Exceeded = { readonly limit: 'lines'; readonly maxLines?: number } | { readonly limit: 'range' }

const TOO_MANY_LINES = /max entries limit|(?:message|response) larger than (?:the )?max/i
const TOO_LONG = new RegExp(
  'query time range exceeds the limit|would read too many bytes|' +
    'too large to execute on a single querier|max number of chunks limit',
  'i',
)

/**
 * Finds out from the error text which limit was exceeded. The status is not enough, because some components wrap such
 * a 400 in a 500.
 *
 * @returns undefined for any other error
 */
export function exceededLimit(body: string): Exceeded | undefined {
  if (TOO_LONG.test(body)) return { limit: 'range' }
  if (!TOO_MANY_LINES.test(body)) return undefined
  const maxLines = /\(\d+ > (\d{1,9})\)/.exec(body)?.[1]
  return maxLines === undefined ? { limit: 'lines' } : { limit: 'lines', maxLines: Number(maxLines) }
}

/** The error for an answer without lines that a retry would not change. */
export function refusedQuery(shown: string, what: string, fix: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOKI_REFUSED', `Loki at ${shown} answered with ${what}: ${fix}`)
}

/** How to fix a refused query, in terms of the command's flags. */
export function hintFor(status: number, body: string): string {
  if (/no org id/i.test(body)) return 'set the tenant with --loki-tenant or LOKI_ORG_ID'
  if (status === 401 || status === 403)
    return 'set LOKI_USERNAME and LOKI_PASSWORD, or LOKI_BEARER_TOKEN, to credentials that may read logs'
  if (status === 404 || status === 405) return 'check the URL: it is the base URL, at which /ready responds'
  if (status >= 300 && status < 400)
    return 'pass the URL of Loki itself: redirects are not followed, because the credentials are for that host only'
  return 'fix --query, or narrow the range with --since and --until'
}

/**
 * Shortens a server's text to one line of at most 200 characters. It replaces each run of control characters and spaces
 * with one space, while `sanitizeForTerminal` keeps the length of a line.
 */
export function excerpt(text: string): string {
  const plain = text
    .slice(0, 2_000)
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
  return plain.length > 200 ? `${plain.slice(0, 197)}...` : plain
}
