import type { LogSource } from '../logs/log-source.ts'
import type { TraceSearchOptions } from '../logs/trace-search.ts'
import type { StoryReport } from '../story/report.ts'
import { TraceCollector, type StoryOptions } from './trace-collector.ts'

/** How a story is built, and how a source that can search for a trace searches for it. */
export interface StorySourceOptions extends StoryOptions, Omit<TraceSearchOptions, 'progress'> {}

/**
 * Builds the story of a trace from a source. The source searches for the trace, or all of its lines are read.
 *
 * @returns undefined if no line belongs to the trace
 * @throws ThroughlineError THROUGHLINE_USAGE if `traceId` is not a trace id
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
 */
export async function storyOfSource(
  traceId: string,
  source: LogSource,
  options: StorySourceOptions = {},
): Promise<StoryReport | undefined> {
  const trace = new TraceCollector(traceId, options)
  const search: TraceSearchOptions = { ...options, progress: () => trace.progress }
  return trace.collect(source.entriesOfTrace?.(traceId, search) ?? source.entries())
}
