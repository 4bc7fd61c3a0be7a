import { fstatSync } from 'node:fs'
import { ThroughlineError } from '../errors.ts'
import { resolveFiles, STDIN } from '../logs/files/open.ts'

/**
 * The log files that a command was given; without any, standard input, where something is piped into it.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE where there is nothing to read
 */
export async function logFiles(names: readonly string[]): Promise<string[]> {
  if (names.length > 0) return resolveFiles(names)
  const input = fstatSync(0)
  if (input.isFIFO() || input.isFile() || input.isSocket()) return [STDIN]
  throw new ThroughlineError(
    'THROUGHLINE_USAGE',
    'no logs to read: name files or a glob, or pipe them into standard input',
  )
}

/**
 * Reads a moment: epoch milliseconds or ISO 8601.
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
