import { ThroughlineError } from '../../errors.ts'

/** Which of its limits Loki says that a query exceeds: how many lines it gives at once, or how much it reads. */
export type Exceeded = { readonly limit: 'lines'; readonly most?: number } | { readonly limit: 'range' }

const TOO_MANY_LINES = /max entries limit|(?:message|response) larger than (?:the )?max/i
const TOO_LONG =
  /query time range exceeds the limit|would read too many bytes|too large to execute on a single querier|max number of chunks limit/i

/**
 * Reads from Loki's own words which limit was exceeded; the status does not tell, since some components wrap such
 * a 400 in a 500.
 *
 * @returns undefined where it is something else
 */
export function exceededLimit(body: string): Exceeded | undefined {
  if (TOO_LONG.test(body)) return { limit: 'range' }
  if (!TOO_MANY_LINES.test(body)) return undefined
  const most = /\(\d+ > (\d{1,9})\)/.exec(body)?.[1]
  return most === undefined ? { limit: 'lines' } : { limit: 'lines', most: Number(most) }
}

/** The error for an answer that holds no lines and would not if asked for again. */
export function refusedQuery(shown: string, what: string, mend: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_LOKI_REFUSED', `Loki at ${shown} answered with ${what}: ${mend}`)
}

/** What to do about a status, in the words of the command. */
export function hintFor(status: number, body: string): string {
  if (/no org id/i.test(body)) return 'name the tenant, with --loki-tenant or LOKI_ORG_ID'
  if (status === 401 || status === 403)
    return 'set LOKI_USERNAME and LOKI_PASSWORD, or LOKI_BEARER_TOKEN, to credentials that may read logs'
  if (status === 404 || status === 405)
    return 'check the URL: it is the one at which /ready answers, without /loki/api/v1'
  if (status >= 300 && status < 400)
    return 'give the URL of Loki itself; it is not followed, since the credentials are for the host that you named'
  return 'mend --query, or ask for less with --since and --until'
}

/** What others wrote, fit for one line of a terminal: without control characters, and at most 200 characters. */
export function sanitize(text: string): string {
  const plain = text
    .slice(0, 2_000)
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
  return plain.length > 200 ? `${plain.slice(0, 197)}...` : plain
}
