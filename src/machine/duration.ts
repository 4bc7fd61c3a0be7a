import { ThroughlineError } from '../errors.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a duration: `250ms`, `30s`, `15m`, `2h`, `1d`, or a number of milliseconds.
 *
 * @returns milliseconds, 0 or more
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION for anything else
 * @example parseDuration('15m') // 900000
 */
export function parseDuration(value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value
  const match = typeof value === 'string' ? /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(value) : null
  const unit = match === null ? undefined : UNITS[match[2] ?? '']
  if (match === null || unit === undefined) {
    const shown =
      typeof value === 'string'
        ? JSON.stringify(value)
        : typeof value === 'number'
          ? String(value)
          : `a value of type ${typeof value}`
    throw new ThroughlineError(
      'THROUGHLINE_BAD_DURATION',
      `${shown} is not a duration: write 250ms, 30s, 15m, 2h or 1d`,
    )
  }
  return Number(match[1]) * unit
}

/** The days of a hundred years. */
const MAX_DAYS = 36_500

/**
 * Parses a duration whose end is a time, as {@link parseDuration} does.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION also for more than a hundred years, and for `Infinity`
 */
export function parseFiniteDuration(value: unknown): number {
  const ms = parseDuration(value)
  if (ms <= MAX_DAYS * 86_400_000) return ms
  throw new ThroughlineError('THROUGHLINE_BAD_DURATION', `${String(value)} is too long: write at most ${MAX_DAYS}d`)
}

/**
 * Formats milliseconds for people: at most two units, none of them zero.
 *
 * @example formatDuration(754_000) // '12m 34s'
 */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 10) return `${Math.round(ms * 100) / 100}ms`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${Math.floor(Math.max(ms, 1_000) / 10) / 100}s`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 3_600) return twoUnits(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  if (seconds < 86_400) return twoUnits(Math.floor(seconds / 3_600), 'h', Math.floor(seconds / 60) % 60, 'm')
  return twoUnits(Math.floor(seconds / 86_400), 'd', Math.floor(seconds / 3_600) % 24, 'h')
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`
}

/** Formats epoch milliseconds as ISO 8601 in UTC, or as the plain number if it is beyond the range of `Date`. */
export function formatTime(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString()
}
