const ISO = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}):(\d{2})(?:[.,](\d+))? ?(Z|[+-]\d{2}(?::?\d{2})?)?$/i
const NUMBER = /^\d+(?:\.\d+)?$/
/** Longer strings are not times: nanoseconds and an offset take 35 characters. */
const MAX_LENGTH = 64

/**
 * Parses the time of any logger: ISO 8601 with a fraction of any length, or the time since 1970 in seconds,
 * milliseconds, microseconds or nanoseconds, as a number or a string. The unit follows from the magnitude: each covers
 * the years 1973 to 5138. ISO 8601 without an offset is UTC, so that the result is the same wherever the log is read.
 *
 * Throughline's own lines and the command's flags need no guessing, because their numbers are always milliseconds. They
 * have parsers of their own: `readTime` in line.ts and `parseTime` in cli/times.ts.
 *
 * @returns epoch milliseconds, rounded to microseconds, the precision of a number; undefined for anything else
 * @example parseTimestamp('2026-09-21T14:13:20.123456+00:00') // 1790000000123.456
 * @example parseTimestamp(1790000000.123456) // the same
 */
export function parseTimestamp(value: unknown): number | undefined {
  if (typeof value === 'number') return fromEpoch(value)
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined
  return NUMBER.test(value) ? fromEpoch(Number(value)) : fromIso(value)
}

function fromEpoch(value: number): number | undefined {
  if (value >= 1e8 && value < 1e11) return toMicrosecond(value * 1_000)
  if (value >= 1e11 && value < 1e14) return toMicrosecond(value)
  if (value >= 1e14 && value < 1e17) return toMicrosecond(value / 1_000)
  if (value >= 1e17 && value < 1e20) return toMicrosecond(value / 1_000_000)
  return undefined
}

function fromIso(text: string): number | undefined {
  const [, day, minute, second, fraction = '', offset] = ISO.exec(text) ?? []
  // Date.parse rejects a leap second, the 61st of its minute.
  if (day === undefined || minute === undefined || second === undefined || Number(second) > 60) return undefined
  const ms =
    Date.parse(`${day}T${minute}:00${normalizeOffset(offset)}`) +
    Number(second) * 1_000 +
    Number(`0.${fraction}0`) * 1_000
  return Number.isNaN(ms) ? undefined : toMicrosecond(ms)
}

/** Writes an offset in the form that every Date.parse accepts. */
function normalizeOffset(offset = 'Z'): string {
  return offset.length === 1 ? 'Z' : `${offset.slice(0, 3)}:${offset.slice(3).replace(':', '') || '00'}`
}

/** Rounds, so that the same time in two units is the same number. */
function toMicrosecond(ms: number): number {
  const whole = Math.floor(ms)
  return whole + Math.round((ms - whole) * 1_000) / 1_000
}
