import { creationTime } from '../../trace/trace-id.ts'
import { IdSearch } from './id-search.ts'
import { LineSearch, type FoundLine } from './line-search.ts'
import { openLog, unreadableLog, type LogOptions } from '../files/open.ts'
import { openLogs, type OpenLogs } from '../files/open-all.ts'
import { parseLine, type LogEntry } from '../parse-line.ts'
import { SearchableFile } from './searchable-file.ts'
import { timeOf } from './seek-time.ts'

/** An entry that may belong to a trace, and the place of its line's first byte in the log, unpacked. */
export type FoundEntry = LogEntry & { readonly file: string; readonly offset: number }

/**
 * How much of a trace is known: `over` where all that was found of it has ended, `open` where something must follow,
 * `unknown` where nothing was found yet, or lines are missing that may stand anywhere.
 */
export type TraceProgress = 'unknown' | 'open' | 'over'

/** How much of the logs was searched. */
export interface Searched {
  /** Bytes that were searched, unpacked. */
  readonly bytes: number
  /** Bytes that there are. */
  readonly total: number
  /** From when on, in epoch milliseconds, where something was left out. */
  readonly from?: number
}

/** How a trace is looked for. */
export interface FindOptions extends LogOptions {
  /** Searches everything, whatever the id tells of the time. */
  readonly full?: boolean
  /** How far two clocks may disagree, in milliseconds: 5 minutes unless told. */
  readonly skewMs?: number
  /** Says what the entries given so far amount to; without it everything is searched. */
  readonly progress?: () => TraceProgress
  /** Called once, at the end. */
  readonly onSearched?: (searched: Searched) => void
}

const SKEW_MS = 300_000
/** However exact the clocks are: the reach has to grow from something. */
const MIN_REACH_MS = 1_000

/**
 * Finds the entries of all lines that may belong to a trace: those that hold its id, in whatever spelling.
 *
 * A UUID version 7 tells when the trace began. In files whose lines stand in order of time the search begins `skewMs`
 * before that, and goes on until it is `skewMs` past the trace's last line and `progress` says `over`. While it does not,
 * the reach doubles, up to the end of the files; if it then says `unknown`, what stands before is searched too. All else is
 * searched as a whole: other ids, packed files, streams, files out of order.
 *
 * All files are opened before the first is read, and read through these handles, even if they are renamed meanwhile.
 *
 * @param files names as {@link resolveFiles} gives them; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be read
 */
export async function* findTrace(
  files: readonly string[],
  traceId: string,
  options: FindOptions = {},
): AsyncGenerator<FoundEntry[]> {
  const logs = openLogs(files)
  try {
    const born = options.full === true ? undefined : creationTime(traceId)
    const found = new SearchState()
    const plain = logs.plain.map(({ name, fd }) => new SearchableFile(name, fd))
    const search = new LineSearch(new IdSearch(traceId))
    const unpackedBytes = yield* inStreams(logs, search, found, options)
    if (born === undefined) yield* found.inFiles(plain, (file) => file.searchUntil(search, Infinity))
    else yield* inWindow(plain, search, found, born, options)
    const bytes = sum(plain, ({ searched }) => searched) + unpackedBytes
    const total = Math.max(bytes, sum(plain, ({ size }) => size) + unpackedBytes)
    const leftOut = born !== undefined && plain.some(({ complete }) => !complete)
    options.onSearched?.({ bytes, total, ...(leftOut ? { from: born - (options.skewMs ?? SKEW_MS) } : {}) })
  } finally {
    logs.close()
  }
}

/** Searches what is packed and what comes from pipes; gives back how many bytes that were. */
async function* inStreams(
  { streams }: OpenLogs,
  search: LineSearch,
  found: SearchState,
  options: LogOptions,
): AsyncGenerator<FoundEntry[], number> {
  let bytes = 0
  for (const { name, fd } of streams) {
    search.startAt(0)
    for await (const chunk of openLog(name, options, fd)) {
      bytes += chunk.length
      for (const lines of search.consumeAll(chunk)) yield found.entries(name, lines)
    }
    yield found.entries(name, search.end())
  }
  return bytes
}

/** Searches files from when the trace was born until it is over. */
function* inWindow(
  files: readonly SearchableFile[],
  search: LineSearch,
  found: SearchState,
  born: number,
  { skewMs = SKEW_MS, progress = () => 'unknown' }: FindOptions,
): Generator<FoundEntry[]> {
  yield* found.inFiles(files, function* (file) {
    file.seek(born, skewMs)
  })
  let reach = Math.max(skewMs, MIN_REACH_MS)
  for (;;) {
    const until = Math.max(found.latest, born) + reach
    yield* found.inFiles(files, (file) => file.searchUntil(search, until))
    if (files.every(({ ended }) => ended)) break
    const over = progress() === 'over'
    // The last line may have been found in one file when another had been read already.
    if (over && Math.max(found.latest, born) + skewMs <= until) return
    if (!over) reach *= 2
  }
  if (progress() === 'unknown') yield* found.inFiles(files, (file) => file.searchSkipped(search))
}

/** Entries on their way out, and the time of the latest. */
class SearchState {
  /** In epoch milliseconds. */
  latest = -Infinity

  entries(file: string, lines: readonly FoundLine[]): FoundEntry[] {
    const found = lines.flatMap(({ text, offset }) => parseLine(text).map((entry) => ({ ...entry, file, offset })))
    for (const entry of found) this.latest = Math.max(this.latest, timeOf(entry) ?? this.latest)
    return found
  }

  *inFiles(
    files: readonly SearchableFile[],
    linesOf: (file: SearchableFile) => Generator<FoundLine[]>,
  ): Generator<FoundEntry[]> {
    for (const file of files) {
      try {
        for (const lines of linesOf(file)) if (lines.length > 0) yield this.entries(file.name, lines)
      } catch (error) {
        throw unreadableLog(file.name, error)
      }
    }
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
