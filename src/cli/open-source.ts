import { fstatSync } from 'node:fs'
import { ThroughlineError } from '../errors.ts'
import { STDIN } from '../logs/files/resolve.ts'
import type { LogSource } from '../logs/log-source.ts'
import type { LokiOptions } from '../logs/loki/connection.ts'
import { fileSource, type FileSourceOptions } from '../logs/sources/file-source.ts'
import { lokiSource } from '../logs/sources/loki-source.ts'
import { formatDuration } from '../machine/duration.ts'
import type { Io } from './io.ts'

/**
 * Opens the logs that a command reads: Loki, the named files, or piped standard input. It reports on stderr corrupted
 * files, and pauses before Loki is queried again. The caller closes the source.
 *
 * @param loki from the flags; undefined without `--loki`
 * @throws ThroughlineError THROUGHLINE_USAGE if there is nothing to read
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be opened
 */
export async function openSource(
  names: readonly string[],
  loki: LokiOptions | undefined,
  io: Pick<Io, 'err'>,
  onProgress?: FileSourceOptions['onProgress'],
): Promise<LogSource> {
  if (loki !== undefined) {
    const onWait = (why: string, ms: number): void =>
      io.err(`throughline: Loki: ${why}; trying again in ${formatDuration(ms)}\n`)
    return lokiSource({ ...loki, onWait })
  }
  return fileSource(namesOrInput(names), {
    onDamage: (sentence) => io.err(`throughline: ${sentence}\n`),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
}

/**
 * The names that a command was given; without any, standard input if something is piped into it.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE if there is nothing to read
 */
export function namesOrInput(names: readonly string[]): readonly string[] {
  if (names.length > 0) return names
  const input = fstatSync(0)
  if (input.isFIFO() || input.isFile() || input.isSocket()) return [STDIN]
  throw new ThroughlineError(
    'THROUGHLINE_USAGE',
    'no logs to read: name files or a glob, or pipe them into standard input',
  )
}
