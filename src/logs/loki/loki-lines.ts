import type { ThroughlineError } from '../../errors.ts'
import type { LokiLine } from './answer.ts'
import { queryRange } from './query-range.ts'
import { connect, type Connection, type LokiOptions } from './connection.ts'
import { refusedQuery } from './errors.ts'

/** Lines in order of time. */
export type LokiBatch = readonly LokiLine[]

const NS_PER_MS = 1_000_000n

/**
 * Reads the lines of a time range from Loki, each once, in order of time over all streams. One page is in memory at a
 * time.
 *
 * A range that is too long for the server is read in parts. A full page may contain only some of the lines of its last
 * nanosecond, so these are left to the next page, which starts at that nanosecond. If a single nanosecond fills a page,
 * larger pages are requested.
 *
 * @throws ThroughlineError THROUGHLINE_LOKI_UNREACHABLE if Loki does not answer after several attempts
 * @throws ThroughlineError THROUGHLINE_LOKI_REFUSED if Loki refuses a query, if the server is not Loki, or if one
 *   nanosecond has more lines than the server returns at once
 * @throws ThroughlineError THROUGHLINE_USAGE if `url` is invalid
 */
export async function* lokiLines(options: LokiOptions): AsyncGenerator<LokiBatch> {
  const loki = connect(options)
  const end = nanoseconds(options.end)
  let from = nanoseconds(options.start)
  /** The length of one query's range, which only decreases. */
  let span = end - from
  let maxLimit = Number.MAX_SAFE_INTEGER
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
        maxLimit = answer.exceeded.maxLines ?? limit >> 1
        if (maxLimit < 1 || maxLimit >= limit) throw answer.error
        page = Math.min(page, maxLimit)
        limit = maxLimit
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
      const larger = Math.min(limit * 2, maxLimit)
      if (larger === limit) throw tooManyAtOnce(loki, last, limit)
      limit = larger
    }
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * NS_PER_MS
}

function tooManyAtOnce({ address }: Connection, time: bigint, limit: number): ThroughlineError {
  const what = `${limit} or more lines of one nanosecond (${time}), its limit per query`
  return refusedQuery(address.shown, what, 'narrow --query, or raise max_entries_limit_per_query in its configuration')
}
