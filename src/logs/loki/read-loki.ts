import { parseLine } from '../parse-line.ts'
import type { LocatedEntry } from '../log-entry.ts'
import type { LokiOptions } from './connection.ts'
import { lokiLines } from './loki-lines.ts'

/**
 * Reads the entries of a range of time from Loki, in batches. For the file stands the stream, for the line's number
 * the place of the line among all that were read.
 *
 * @throws ThroughlineError what {@link lokiLines} throws
 */
export async function* readLoki(options: LokiOptions): AsyncGenerator<LocatedEntry[]> {
  let line = 0
  for await (const batch of lokiLines(options)) {
    yield batch.flatMap(({ text, stream }) => {
      line += 1
      return parseLine(text).map((entry) => ({ ...entry, file: stream, line }))
    })
  }
}
