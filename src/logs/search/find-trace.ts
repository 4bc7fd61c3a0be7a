import { creationTime } from '../../trace/trace-id.ts'
import { unreadableLog } from '../files/errors.ts'
import { openLog, type LogOptions, type OpenLogs } from '../files/open.ts'
import { parseLine } from '../parse-line.ts'
import { DEFAULT_SKEW_MS, type FoundEntry, type TraceSearchOptions } from '../trace-search.ts'
import { IdSearch } from './id-search.ts'
import { LineSearch, type FoundLine } from './line-search.ts'
import { SearchableFile } from './searchable-file.ts'
import { timeOf } from './seek-time.ts'

/** How open logs are searched for a trace. */
export interface FindOptions extends TraceSearchOptions, LogOptions {}

/** The first window to search, if clocks are taken to be exact: it has to be above 0 to be doubled. */
const MIN_WINDOW_MS = 1_000

/**
 * Finds the entries of all lines that may belong to a trace: those that contain its id in any spelling.
 *
 * A UUID version 7 contains the time at which the trace began. In files whose lines are in order of time, the search
 * starts `skewMs` before that time, and ends `skewMs` after the trace's last line once `progress` returns `over`. Until
 * then the window is doubled, up to the end of the files. If `progress` still returns `unknown` there, the part before
 * the start is searched too. Files out of order, compressed files, pipes and other ids are searched completely.
 */
export async function* findTrace(
  logs: OpenLogs,
  traceId: string,
  options: FindOptions = {},
): AsyncGenerator<FoundEntry[]> {
  const traceStart = options.full === true ? undefined : creationTime(traceId)
  const state = new SearchState()
  const plain = logs.plain.map(({ name, fd }) => new SearchableFile(name, fd))
  const search = new LineSearch(new IdSearch(traceId))
  const streamBytes = yield* inStreams(logs, search, state, options)
  if (traceStart === undefined) yield* state.inFiles(plain, (file) => file.searchUntil(search, Infinity))
  else yield* inWindow(plain, search, state, traceStart, options)
  const bytes = sum(plain, ({ searched }) => searched) + streamBytes
  const total = Math.max(bytes, sum(plain, ({ size }) => size) + streamBytes)
  const skipped = traceStart !== undefined && plain.some(({ complete }) => !complete)
  options.onSearched?.({
    bytes,
    total,
    ...(skipped ? { from: traceStart - (options.skewMs ?? DEFAULT_SKEW_MS) } : {}),
  })
}

/** Searches compressed files and pipes, and returns their size in bytes. */
async function* inStreams(
  { streams }: OpenLogs,
  search: LineSearch,
  state: SearchState,
  options: LogOptions,
): AsyncGenerator<FoundEntry[], number> {
  let bytes = 0
  for (const { name, fd } of streams) {
    search.startAt(0)
    for await (const chunk of openLog(name, options, fd)) {
      bytes += chunk.length
      for (const lines of search.consumeAll(chunk)) yield state.entries(name, lines)
    }
    yield state.entries(name, search.end())
  }
  return bytes
}

/** Searches files from the start of the trace until it is over. */
function* inWindow(
  files: readonly SearchableFile[],
  search: LineSearch,
  state: SearchState,
  traceStart: number,
  { skewMs = DEFAULT_SKEW_MS, progress = () => 'unknown' }: FindOptions,
): Generator<FoundEntry[]> {
  yield* state.inFiles(files, function* (file) {
    file.seek(traceStart, skewMs)
  })
  let window = Math.max(skewMs, MIN_WINDOW_MS)
  for (;;) {
    const until = Math.max(state.latest, traceStart) + window
    yield* state.inFiles(files, (file) => file.searchUntil(search, until))
    if (files.every(({ ended }) => ended)) break
    const over = progress() === 'over'
    // The trace's last line may have been found after another file had already been searched up to `until`.
    if (over && Math.max(state.latest, traceStart) + skewMs <= until) return
    if (!over) window *= 2
  }
  if (progress() === 'unknown') yield* state.inFiles(files, (file) => file.searchSkipped(search))
}

/** Parses found lines, and keeps the time of the latest. */
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
    searchFile: (file: SearchableFile) => Generator<FoundLine[]>,
  ): Generator<FoundEntry[]> {
    for (const file of files) {
      try {
        for (const lines of searchFile(file)) if (lines.length > 0) yield this.entries(file.name, lines)
      } catch (error) {
        throw unreadableLog(file.name, error)
      }
    }
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
