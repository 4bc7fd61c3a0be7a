import { ThroughlineError } from '../../errors.ts'
import { readAnswer, type LokiLine } from './answer.ts'
import type { Connection } from './connection.ts'
import { exceededLimit, excerpt, hintFor, refusedQuery, type Exceeded } from './errors.ts'

/** One query: at most `limit` lines from `start` (inclusive) to `end` (exclusive), in nanoseconds. */
export interface RangeQuery {
  readonly query: string
  readonly start: bigint
  readonly end: bigint
  readonly limit: number
}

/** Lines in order of time; or the exceeded limit, with the error to throw if a smaller query is not possible. */
export type Answer =
  { readonly lines: readonly LokiLine[] } | { readonly exceeded: Exceeded; readonly error: ThroughlineError }

const ATTEMPTS = 5
const FIRST_PAUSE_MS = 500
/** The longest pause that a server can demand. */
const MAX_PAUSE_MS = 60_000

/**
 * Sends a query. If Loki is busy, failing or unreachable, it is sent again: five attempts, with pauses of 0.5, 1, 2 and
 * 4 s, or longer if the server demands it.
 *
 * @throws ThroughlineError THROUGHLINE_LOKI_UNREACHABLE if the fifth attempt fails
 * @throws ThroughlineError THROUGHLINE_LOKI_REFUSED if Loki refuses, or if the server is not Loki
 */
export async function queryRange(loki: Connection, query: RangeQuery): Promise<Answer> {
  const { shown } = loki.address
  for (let attempt = 1; ; attempt += 1) {
    const response = await get(loki, query)
    if ('status' in response) {
      if (response.status >= 200 && response.status < 300) return { lines: linesOf(response.body, query, shown) }
      const limit = exceededLimit(response.body)
      const final = limit !== undefined || (response.status !== 429 && response.status < 500)
      const error = final ? refusedQuery(shown, response.why, hintFor(response.status, response.body)) : undefined
      if (error !== undefined && limit !== undefined) return { exceeded: limit, error }
      if (error !== undefined) throw error
    }
    if (attempt === ATTEMPTS) throw unreachable(shown, response.why)
    const pause = Math.min(
      Math.max(FIRST_PAUSE_MS * 2 ** (attempt - 1), 'status' in response ? response.retryAfter : 0),
      MAX_PAUSE_MS,
    )
    loki.onWait(response.why, pause)
    await loki.wait(pause)
  }
}

interface QueryResponse {
  readonly status: number
  readonly body: string
  /** A short description for messages. */
  readonly why: string
  /** Milliseconds. 0 if the header is missing, or a date, which would require equal clocks. */
  readonly retryAfter: number
}

async function get(
  loki: Connection,
  { query, start, end, limit }: RangeQuery,
): Promise<QueryResponse | { readonly why: string }> {
  const url = new URL(loki.address.endpoint)
  const parameters = { query, start: String(start), end: String(end), limit: String(limit), direction: 'forward' }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  try {
    // Redirects are not followed: the credentials are for this host, and most redirects lead to a login page.
    const response = await loki.fetch(url, {
      headers: loki.headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(loki.timeout),
    })
    const body = await response.text()
    const retryAfter = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '')?.[0] ?? '0'
    return {
      status: response.status,
      body,
      why: describe(response, redact(loki, body), url),
      retryAfter: Number(retryAfter) * 1_000,
    }
  } catch (error) {
    return { why: failureOf(error, loki.timeout) }
  }
}

function describe({ status, headers }: Response, body: string, url: URL): string {
  const location = headers.get('location')
  const content = /^\s*</.test(body) ? 'a web page' : excerpt(body)
  const target = location === null ? '' : ` to ${redirectTarget(location, url)}`
  return `HTTP ${status}${target}${content === '' ? '' : ` (${content})`}`
}

/** The target of a redirect, without the parts that may be secret. */
function redirectTarget(location: string, base: URL): string {
  if (!URL.canParse(location, base.href)) return 'an invalid URL'
  const { origin, pathname } = new URL(location, base.href)
  return excerpt(`${origin}${pathname}`)
}

/** The message of fetch's error only says that it failed; the reason is in its cause. */
function failureOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return excerpt(String(error))
  if (error.name === 'TimeoutError') return `no complete answer within ${timeout / 1_000} s`
  const { cause } = error
  if (!(cause instanceof Error)) return excerpt(error.message)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  // The message is empty if a host name has several addresses.
  return excerpt(cause.message.includes(code) ? cause.message : `${cause.message} (${code})`)
}

/** Removes credentials, because a proxy may repeat what it was sent. */
function redact({ secrets }: Connection, text: string): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}

function linesOf(body: string, { start, end }: RangeQuery, shown: string): readonly LokiLine[] {
  const lines = readAnswer(body)
  const fix = 'check that the URL is that of Loki, and that no proxy in front of it asks for a login'
  if (typeof lines === 'string') throw refusedQuery(shown, lines, fix)
  const [first, last] = [lines[0], lines.at(-1)]
  // A server that ignores the range would return the same lines for every page.
  if (first !== undefined && last !== undefined && (first.time < start || last.time >= end)) {
    throw refusedQuery(shown, 'lines outside the requested range', fix)
  }
  return lines
}

function unreachable(shown: string, why: string): ThroughlineError {
  const fix = /certificate|self.signed/i.test(why)
    ? 'set NODE_EXTRA_CA_CERTS to the certificate file of your authority'
    : 'check host and port, and that Loki is up; if it is slow, query less'
  return new ThroughlineError(
    'THROUGHLINE_LOKI_UNREACHABLE',
    `no answer from Loki at ${shown} after ${ATTEMPTS} attempts, last error: ${why}: ${fix}`,
  )
}
