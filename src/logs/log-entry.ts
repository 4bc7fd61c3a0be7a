import { parseLine, type LogEntry } from './parse-line.ts'
import type { NumberedLine } from './split-lines.ts'

/** An entry of a log with its file and line number. */
export type LocatedEntry = LogEntry & { readonly file: string; readonly line: number }

/** Parses numbered lines of one file. */
export function toEntries(file: string, lines: readonly NumberedLine[]): LocatedEntry[] {
  return lines.flatMap(({ text, line }) => parseLine(text).map((entry) => ({ ...entry, file, line })))
}
