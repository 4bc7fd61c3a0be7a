import type { RecordBlock } from '../../record/record-batch.ts'
import { openLog, openLogs, type LogOptions, type OpenLogs } from '../files/open.ts'
import { resolveFiles } from '../files/resolve.ts'
import { toEntries, type LocatedEntry } from '../log-entry.ts'
import type { LogSource } from '../log-source.ts'
import { EntryBlocks } from '../scan/entry-blocks.ts'
import { scanLogs, type ScanOptions } from '../scan/scan-logs.ts'
import { findTrace } from '../search/find-trace.ts'
import { splitLines } from '../split-lines.ts'
import type { FoundEntry, TraceSearchOptions } from '../trace-search.ts'

/** How log files are read. */
export interface FileSourceOptions extends LogOptions, ScanOptions {}

/**
 * Opens log files, plain or compressed, as a source. `close()` closes them.
 *
 * All files are opened before any is read, and read through these descriptors, even if they are renamed or replaced.
 * The corrupted rest of a compressed file counts as one damaged line.
 *
 * @param names files and globs; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE if a file cannot be opened
 */
export async function fileSource(names: readonly string[], options: FileSourceOptions = {}): Promise<FileSource> {
  const files = await resolveFiles(names)
  return new FileSource(files, openLogs(files), options)
}

/** Open log files, and standard input where it is named. */
export class FileSource implements LogSource {
  readonly names: readonly string[]
  readonly rereadable: boolean
  readonly #logs: OpenLogs
  readonly #options: FileSourceOptions
  /** Sentences that were reported. A file may be read twice, but its corruption is reported once. */
  readonly #damage = new Set<string>()

  constructor(names: readonly string[], logs: OpenLogs, options: FileSourceOptions) {
    this.names = names
    this.rereadable = logs.streams.every(({ fd }) => fd !== undefined)
    this.#logs = logs
    this.#options = { ...options, onDamage: (sentence) => this.#report(sentence, options.onDamage) }
  }

  async *entries(): AsyncGenerator<LocatedEntry[]> {
    for (const { name, fd } of [...this.#logs.plain, ...this.#logs.streams]) {
      let [last, corrupted] = [0, false]
      const onDamage = (sentence: string): void => {
        corrupted = true
        this.#options.onDamage?.(sentence)
      }
      for await (const lines of splitLines(openLog(name, { onDamage }, fd))) {
        last = lines.at(-1)?.line ?? last
        yield toEntries(name, lines)
      }
      if (corrupted) yield [{ kind: 'damaged', file: name, line: last + 1 }]
    }
  }

  /** Reads on all cores, files together in order of time. The memory of a block is reused for later blocks. */
  async *blocks(withCalls = false): AsyncGenerator<RecordBlock> {
    yield* scanLogs(this.#logs, { ...this.#options, withCalls })
    const damaged = [...this.#damage].map((): LocatedEntry => ({ kind: 'damaged', file: '', line: 0 }))
    yield* new EntryBlocks().toBlocks(damaged)
  }

  entriesOfTrace(traceId: string, options: TraceSearchOptions): AsyncGenerator<FoundEntry[]> {
    return findTrace(this.#logs, traceId, { ...options, ...this.#options })
  }

  close(): void {
    this.#logs.close()
  }

  #report(sentence: string, onDamage: LogOptions['onDamage']): void {
    if (this.#damage.has(sentence)) return
    this.#damage.add(sentence)
    onDamage?.(sentence)
  }
}
