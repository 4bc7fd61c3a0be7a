import { fileSource } from '../logs/sources/file-source.ts'
import { lineSource, type LogLines } from '../logs/sources/line-source.ts'
import type { LogOptions } from '../logs/files/open.ts'
import type { StoryReport } from '../story/report.ts'
import { storyOfSource, type StorySourceOptions } from './story-source.ts'
import { assertTraceId, type StoryOptions } from './trace-collector.ts'

export type { Searched } from '../logs/trace-search.ts'
export type { FieldNames } from '../story/foreign/field-names.ts'
export { storyMermaid } from '../story/mermaid.ts'
export type * from '../story/report.ts'
export { storyText } from '../story/text.ts'
export type { StoryOptions } from './trace-collector.ts'
export type { LogLines } from '../logs/sources/line-source.ts'

/** How a story is built from files. */
export interface StoryFilesOptions extends StorySourceOptions, LogOptions {}

/**
 * Builds from log files the story of one trace: what happened in all services.
 *
 * A UUID version 7 contains the time at which the trace began, so files in order of time are read only in part. Files
 * may be plain, gzip or zstd.
 *
 * @param traceId a UUID in either form, or any id that was accepted
 * @param names files and globs; `-` is standard input
 * @returns undefined if no line belongs to the trace
 * @throws ThroughlineError THROUGHLINE_USAGE if `traceId` is not a trace id
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be read
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
 * @example const report = await storyOfFiles('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', ['logs/*.ndjson'])
 */
export async function storyOfFiles(
  traceId: string,
  names: readonly string[],
  { onDamage, ...options }: StoryFilesOptions = {},
): Promise<StoryReport | undefined> {
  assertTraceId(traceId)
  const source = await fileSource(names, onDamage === undefined ? {} : { onDamage })
  try {
    return await storyOfSource(traceId, source, options)
  } finally {
    source.close()
  }
}

/**
 * Builds the same from lines of any other place. All of them are read.
 *
 * @param lines strings of one line each, parsed lines, records, or the bytes of a log in chunks; lines of other traces
 *   are skipped
 * @returns undefined if no line belongs to the trace
 * @throws ThroughlineError as {@link storyOfFiles}, except for files
 * @example const report = await story('abc-123', createReadStream('app.ndjson'))
 */
export async function story(
  traceId: string,
  lines: LogLines,
  options: StoryOptions = {},
): Promise<StoryReport | undefined> {
  return storyOfSource(traceId, lineSource(lines), options)
}
