import { toEntries, type LocatedEntry } from '../src/logs/log-entry.ts'
import { openLog } from '../src/logs/files/open.ts'
import { splitLines } from '../src/logs/split-lines.ts'

/** The entries of log files, one file after the other. */
export async function* readLogs(files: readonly string[]): AsyncGenerator<LocatedEntry[]> {
  for (const file of files) for await (const lines of splitLines(openLog(file))) yield toEntries(file, lines)
}
