import { ThroughlineError } from '../errors.ts'
import { Histories, traceKey } from '../history/history.ts'
import { progressOf } from '../history/progress.ts'
import { formatTime, parseDuration } from '../lifecycle/duration.ts'
import { findTrace, type Searched } from '../logs/find-trace.ts'
import { foreignLines } from '../story/line.ts'
import { storyMermaid } from '../story/mermaid.ts'
import type { StoryLine } from '../story/report.ts'
import { story } from '../story/story.ts'
import { storyText } from '../story/text.ts'
import { isTraceId, w3cTraceId } from '../trace/trace-id.ts'
import { logFiles } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { tableFrom } from './machine-file.ts'

/** The flags of `throughline story`. */
export interface StoryFlags {
  readonly machine?: string
  readonly format: 'text' | 'json' | 'mermaid'
  readonly full?: boolean
  readonly skew?: string
}

/** `throughline story`: what happened under one trace id, across all services. */
export async function storyCommand(traceId: string, names: readonly string[], flags: StoryFlags, io: Io): Promise<ExitStatus> {
  const valid: boolean = isTraceId(traceId)
  if (!valid) {
    throw new ThroughlineError('THROUGHLINE_USAGE', `"${traceId}" is no trace id: give a UUID, its 32 hex digits, or the X-Trace-ID that was sent`)
  }
  const table = await tableFrom(flags.machine)
  // A service that only saw a traceparent knows the trace by its 128 bits.
  const keys = new Set([traceKey(traceId), w3cTraceId(traceId)])
  const histories = new Histories()
  const lines: StoryLine[] = []
  let searched: Searched | undefined
  const found = findTrace(await logFiles(names), traceId, {
    full: flags.full === true,
    ...(flags.skew === undefined ? {} : { skewMs: parseDuration(flags.skew) }),
    progress: () => progressOf(histories, table),
    onDamage: (sentence) => io.err(`throughline: ${sentence}\n`),
    onSearched: (all) => (searched = all),
  })
  for await (const entries of found) {
    for (const entry of entries) {
      if (entry.kind === 'record' && keys.has(traceKey(entry.record.trace_id))) histories.add(entry.record, entry.file, entry.offset)
      else if (entry.kind === 'other' && entry.fields !== undefined) {
        for (const { traceId: logged, line } of foreignLines(entry.fields)) if (keys.has(traceKey(logged))) lines.push(line)
      }
    }
  }
  const report = story(traceId, histories, lines, table)
  if (report === undefined) {
    io.err(`throughline: no line of trace ${traceId} in these logs\n`)
    return 1
  }
  if (flags.format === 'text' && searched?.from !== undefined) io.err(`throughline: ${leftOut(searched, searched.from)}\n`)
  if (flags.format === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`)
  else io.out(flags.format === 'mermaid' ? storyMermaid(report) : storyText(report, io.width))
  return 0
}

function leftOut({ bytes, total }: Searched, from: number): string {
  const [read, all] = [bytes, total].map((count) => Math.ceil(count / 1_000_000).toLocaleString('en'))
  return `read ${read ?? ''} of ${all ?? ''} MB, from ${formatTime(from)} on; --full reads all`
}
