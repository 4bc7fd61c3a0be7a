import { lokiAddress } from '../loki/address.ts'
import type { LokiOptions } from '../loki/connection.ts'
import { lokiLines } from '../loki/loki-lines.ts'
import type { LocatedEntry } from '../log-entry.ts'
import type { LogSource } from '../log-source.ts'
import { parseLine } from '../parse-line.ts'

/**
 * The lines of a time range in Loki. The `file` of an entry is the label set of its stream, and the `line` its position
 * in the range.
 *
 * Reading it throws what {@link lokiLines} throws.
 *
 * @throws ThroughlineError THROUGHLINE_USAGE if the URL is invalid
 */
export function lokiSource(options: LokiOptions): LogSource {
  return {
    names: [lokiAddress(options.url).shown],
    // It could be queried again, but lines that arrive meanwhile would make the two readings differ.
    rereadable: false,
    async *entries(): AsyncGenerator<LocatedEntry[]> {
      let line = 0
      for await (const batch of lokiLines(options)) {
        yield batch.flatMap(({ text, stream }) => {
          line += 1
          return parseLine(text).map((entry) => ({ ...entry, file: stream, line }))
        })
      }
    },
  }
}
