import type { RecordBlock } from '../record/record-batch.ts'
import type { LocatedEntry } from './log-entry.ts'
import type { FoundEntry, TraceSearchOptions } from './trace-search.ts'

/**
 * Where log lines come from: files, standard input, Loki, a program. Every query reads through this interface.
 *
 * Only `entries()` is required. The other two methods return the same lines by a shorter path, where a source has one.
 */
export interface LogSource {
  /** What messages call the source: file names, `-` for standard input, or a URL; empty for a program's lines. */
  readonly names: readonly string[]
  /** Whether a second call of the same method reads the same lines again. */
  readonly rereadable: boolean
  /** All lines, parsed, in batches. */
  entries(): AsyncIterable<readonly LocatedEntry[]>
  /**
   * All lines as the blocks of records that an audit reads.
   *
   * @param withCalls whether they have facts about calls
   */
  blocks?(withCalls?: boolean): AsyncIterable<RecordBlock>
  /** At least the lines of one trace. Lines of other traces may be among them. */
  entriesOfTrace?(traceId: string, options: TraceSearchOptions): AsyncIterable<readonly FoundEntry[]>
  /** Closes the files that the source holds open. The code that creates a source closes it. */
  close?(): void
}
