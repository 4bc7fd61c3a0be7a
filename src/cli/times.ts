import { ThroughlineError } from '../errors.ts'
import { parseDuration } from '../machine/duration.ts'

/**
 * Parses the time of a flag: epoch milliseconds or ISO 8601. It differs from `parseTimestamp`, which reads the times of
 * loggers: digits are always milliseconds, and ISO 8601 without an offset is local time.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_TIME for anything else
 */
export function parseTime(text: string): number {
  const time = /^\d{1,15}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d{2}-\d{2}(T|$)/.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (Number.isNaN(time)) {
    throw new ThroughlineError(
      'THROUGHLINE_BAD_TIME',
      `"${text}" is not a time: write 2026-01-31T12:00:00Z, epoch milliseconds, or end`,
    )
  }
  return time
}

/**
 * Parses a time, or a duration before `now` such as `6h`.
 *
 * @param flag named in the error
 * @throws ThroughlineError THROUGHLINE_BAD_TIME for anything else
 */
export function parseTimeOrAgo(flag: string, text: string, now: number): number {
  try {
    return /[a-z]$/.test(text) ? now - parseDuration(text) : parseTime(text)
  } catch (cause) {
    const fix = 'write 6h, 2026-01-31T12:00:00Z or epoch milliseconds'
    throw new ThroughlineError('THROUGHLINE_BAD_TIME', `${flag} "${text}" is not a duration or a time: ${fix}`, {
      cause,
    })
  }
}
