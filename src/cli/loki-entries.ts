import { formatDuration } from '../machine/duration.ts'
import type { LokiOptions } from '../logs/loki/connection.ts'
import { readLoki } from '../logs/loki/read-loki.ts'
import type { LocatedEntry } from '../logs/log-entry.ts'
import type { Io } from './io.ts'

/** Reads from Loki as {@link readLoki} does, and says on stderr what is waited for. */
export function lokiEntries(source: LokiOptions, io: Pick<Io, 'err'>): AsyncGenerator<LocatedEntry[]> {
  return readLoki({
    ...source,
    onWait: (why, ms) => io.err(`throughline: Loki: ${why}; trying again in ${formatDuration(ms)}\n`),
  })
}
