import { ThroughlineError } from '../../errors.ts'
import { readAnswer, type LokiLine } from './answer.ts'
import type { Connection } from './connection.ts'
import { exceededLimit, sanitize, hintFor, refusedQuery, type Exceeded } from './errors.ts'

/** One query: the lines from `start` on and before `end`, at most so many. */
export interface RangeQuery {
  readonly query: string
  readonly start: bigint
  readonly end: bigint
  readonly limit: number
}

/** Lines in order of time; or a limit of the server's, with the error to throw where asking for less is no way out. */
export type Answer =
  { readonly lines: readonly LokiLine[] } | { readonly exceeded: Exceeded; readonly error: ThroughlineError }

const TRIES = 5
const FIRST_PAUSE_MS = 500
/** However long a server asks us to stay away. */
const MAX_PAUSE_MS = 60_000

/**
 * Asks Loki once, and again after a pause where it is busy, broken or not there: five times in all, after 0.5, 1, 2
 * and 4 s, or later where it says so itself.
 *
 * @throws ThroughlineError THROUGHLINE_LOKI_UNREACHABLE where the fifth try fails too
 * @throws ThroughlineError THROUGHLINE_LOKI_REFUSED where Loki refuses, or what answers is no Loki
 */
export async function queryRange(loki: Connection, asked: RangeQuery): Promise<Answer> {
  const { shown } = loki.address
  for (let tries = 1; ; tries += 1) {
    const got = await get(loki, asked)
    if ('status' in got) {
      if (got.status >= 200 && got.status < 300) return { lines: linesOf(got.body, asked, shown) }
      const limit = exceededLimit(got.body)
      const final = limit !== undefined || (got.status !== 429 && got.status < 500)
      const error = final ? refusedQuery(shown, got.why, hintFor(got.status, got.body)) : undefined
      if (error !== undefined && limit !== undefined) return { exceeded: limit, error }
      if (error !== undefined) throw error
    }
    if (tries === TRIES) throw unreachable(shown, got.why)
    const pause = Math.min(
      Math.max(FIRST_PAUSE_MS * 2 ** (tries - 1), 'status' in got ? got.retryAfter : 0),
      MAX_PAUSE_MS,
    )
    loki.onWait(got.why, pause)
    await loki.wait(pause)
  }
}

interface Got {
  readonly status: number
  readonly body: string
  /** The same in few words, fit to be shown. */
  readonly why: string
  /** Milliseconds; 0 where nothing is said, or a date, for which the server's clock would have to be ours. */
  readonly retryAfter: number
}

async function get(
  loki: Connection,
  { query, start, end, limit }: RangeQuery,
): Promise<Got | { readonly why: string }> {
  const url = new URL(loki.address.endpoint)
  const parameters = { query, start: String(start), end: String(end), limit: String(limit), direction: 'forward' }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  try {
    // Not followed: the credentials are for this host, and a redirect mostly leads to a page for logging in.
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
      why: wordsOf(response, redact(loki, body), url),
      retryAfter: Number(retryAfter) * 1_000,
    }
  } catch (error) {
    return { why: failureOf(error, loki.timeout) }
  }
}

function wordsOf({ status, headers }: Response, body: string, url: URL): string {
  const location = headers.get('location')
  const words = /^\s*</.test(body) ? 'a web page' : sanitize(body)
  return `HTTP ${status}${location === null ? '' : ` to ${placeOf(location, url)}`}${words === '' ? '' : ` (${words})`}`
}

/** Where a redirect leads, without what may be secret in it. */
function placeOf(location: string, base: URL): string {
  if (!URL.canParse(location, base.href)) return 'no URL'
  const { origin, pathname } = new URL(location, base.href)
  return sanitize(`${origin}${pathname}`)
}

/** fetch says only that it failed; the cause says why. */
function failureOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return sanitize(String(error))
  if (error.name === 'TimeoutError') return `no whole answer within ${timeout / 1_000} s`
  const { cause } = error
  if (!(cause instanceof Error)) return sanitize(error.message)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  // Where a name has several addresses the message is empty.
  return sanitize(cause.message.includes(code) ? cause.message : `${cause.message} (${code})`)
}

/** A proxy may repeat what it was sent. */
function redact({ secrets }: Connection, text: string): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}

function linesOf(body: string, { start, end }: RangeQuery, shown: string): readonly LokiLine[] {
  const lines = readAnswer(body)
  const mend = 'check that the URL is that of a Loki, and that nothing before it asks for a login'
  if (typeof lines === 'string') throw refusedQuery(shown, lines, mend)
  const [first, last] = [lines[0], lines.at(-1)]
  // What ignores the range would have us ask for the same lines for ever.
  if (first !== undefined && last !== undefined && (first.time < start || last.time >= end)) {
    throw refusedQuery(shown, 'lines out of the range that was asked for', mend)
  }
  return lines
}

function unreachable(shown: string, why: string): ThroughlineError {
  const mend = /certificate|self.signed/i.test(why)
    ? 'name the file of your authority in NODE_EXTRA_CA_CERTS'
    : 'check host and port, and that Loki is up; where it is slow, ask for less'
  return new ThroughlineError(
    'THROUGHLINE_LOKI_UNREACHABLE',
    `no answer from Loki at ${shown} in ${TRIES} tries, at last: ${why}: ${mend}`,
  )
}
