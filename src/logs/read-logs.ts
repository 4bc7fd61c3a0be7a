import { openLog } from './log-files.ts'
import { parseLine, type LogEntry } from './parse-line.ts'
import { splitLines, type NumberedLine } from './split-lines.ts'

/** An entry of a log, and where it stands. */
export type LocatedEntry = LogEntry & { readonly file: string; readonly line: number }

/**
 * Reads the entries of log files, one file after the other, in batches as they come from the disk.
 *
 * @param files names as {@link resolveFiles} gives them; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be read
 */
export async function* readLogs(files: readonly string[]): AsyncGenerator<LocatedEntry[]> {
  for (const file of files) for await (const lines of splitLines(openLog(file))) yield entriesOf(file, lines)
}

/** What lines hold, and where. */
export function entriesOf(file: string, lines: readonly NumberedLine[]): LocatedEntry[] {
  return lines.flatMap(({ text, line }) => parseLine(text).map((entry) => ({ ...entry, file, line })))
}
