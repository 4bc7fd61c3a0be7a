import { findTrace, type FindOptions } from '../logs/search/find-trace.ts'
import { resolveFiles } from '../logs/files/open.ts'
import type { StoryReport } from '../story/report.ts'
import { TraceCollector, type StoryOptions } from './trace-collector.ts'
import { batchEntries, type LogLines } from './log-lines.ts'

export type { Searched } from '../logs/search/find-trace.ts'
export type { FieldNames } from '../story/foreign/field-names.ts'
export { storyMermaid } from '../story/mermaid.ts'
export type * from '../story/report.ts'
export { storyText } from '../story/text.ts'
export type { StoryOptions } from './trace-collector.ts'
export type { LogLines } from './log-lines.ts'

/** How files are searched besides. */
export interface StoryFilesOptions
  extends StoryOptions, Pick<FindOptions, 'full' | 'skewMs' | 'onDamage' | 'onSearched'> {}

/**
 * Tells from log files what happened under one trace id, in all services.
 *
 * Where the id is a UUID version 7, which tells when the trace began, files in order of time are not read as a whole.
 * Files may be plain, gzip or zstd.
 *
 * @param traceId a UUID in either form, or any id that was accepted
 * @param names files and globs; `-` is standard input
 * @returns undefined where no line is of this trace
 * @throws ThroughlineError THROUGHLINE_USAGE for what is no trace id
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be read
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED where a log cannot be checked against the machine
 * @example const report = await storyOfFiles('019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071', ['logs/*.ndjson'])
 */
export async function storyOfFiles(
  traceId: string,
  names: readonly string[],
  { machine, fields, ...search }: StoryFilesOptions = {},
): Promise<StoryReport | undefined> {
  const trace = new TraceCollector(traceId, {
    ...(machine === undefined ? {} : { machine }),
    ...(fields === undefined ? {} : { fields }),
  })
  return trace.collect(findTrace(await resolveFiles(names), traceId, { ...search, progress: () => trace.progress }))
}

/**
 * Tells the same from lines of anywhere, all of which are read.
 *
 * @param lines texts of lines, parsed lines or records, or bytes of a whole log, one after the other; those of other traces are passed over
 * @returns undefined where no line is of this trace
 * @throws ThroughlineError as {@link storyOfFiles}, files aside
 * @example const report = await story('abc-123', createReadStream('app.ndjson'))
 */
export async function story(
  traceId: string,
  lines: LogLines,
  options: StoryOptions = {},
): Promise<StoryReport | undefined> {
  return new TraceCollector(traceId, options).collect(batchEntries(lines))
}
