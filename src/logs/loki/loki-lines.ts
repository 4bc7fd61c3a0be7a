import type { ThroughlineError } from '../../errors.ts'
import type { LokiLine } from './answer.ts'
import { queryRange } from './query-range.ts'
import { connect, type Connection, type LokiOptions } from './connection.ts'
import { refusedQuery } from './errors.ts'

/** Some lines, in order of time. */
export type LokiBatch = readonly LokiLine[]

const NS_PER_MS = 1_000_000n

/**
 * Reads the lines of a range of time from Loki, in order of time over all streams, each once, in pages. One page is in
 * memory at a time.
 *
 * A range that is too long for the server is read in parts. A page that is full may hold only some of the lines of its
 * last nanosecond: these are left for the next page, which begins there. Where a page is full with one nanosecond,
 * larger pages are asked for.
 *
 * @throws ThroughlineError THROUGHLINE_LOKI_UNREACHABLE where Loki does not answer after several tries
 * @throws ThroughlineError THROUGHLINE_LOKI_REFUSED where it refuses, where what answers is no Loki, and where one
 *   nanosecond holds more lines than the server gives at once
 * @throws ThroughlineError THROUGHLINE_USAGE where `url` is no URL
 */
export async function* lokiLines(options: LokiOptions): AsyncGenerator<LokiBatch> {
  const loki = connect(options)
  const end = nanoseconds(options.end)
  let from = nanoseconds(options.start)
  /** How much to ask for at once; only ever less. */
  let span = end - from
  let most = Number.MAX_SAFE_INTEGER
  let page = options.limit ?? 5_000
  let limit = page
  while (from < end) {
    const to = from + span < end ? from + span : end
    const answer = await queryRange(loki, { query: options.query, start: from, end: to, limit })
    if ('exceeded' in answer) {
      if (answer.exceeded.limit === 'range') {
        span = (to - from) / 2n
        // Loki measures a range in milliseconds.
        if (span < NS_PER_MS) throw answer.error
      } else {
        most = answer.exceeded.most ?? limit >> 1
        if (most < 1 || most >= limit) throw answer.error
        page = Math.min(page, most)
        limit = most
      }
      continue
    }
    const { lines } = answer
    const last = lines.at(-1)?.time ?? from
    if (lines.length < limit) {
      if (lines.length > 0) yield lines
      from = to
      limit = page
    } else if (last > from) {
      const whole = lines.filter(({ time }) => time < last)
      if (whole.length > 0) yield whole
      from = last
      limit = page
    } else {
      const larger = Math.min(limit * 2, most)
      if (larger === limit) throw tooManyAtOnce(loki, last, limit)
      limit = larger
    }
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * NS_PER_MS
}

function tooManyAtOnce({ address }: Connection, time: bigint, limit: number): ThroughlineError {
  const what = `${limit} lines or more of one nanosecond (${time}), and gives no more at once`
  return refusedQuery(address.shown, what, 'narrow --query, or raise max_entries_limit_per_query in its configuration')
}
