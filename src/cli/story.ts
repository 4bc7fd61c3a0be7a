import { TraceCollector } from '../queries/trace-collector.ts'
import { storyMermaid, storyOfFiles, storyText, type Searched, type StoryReport } from '../queries/story.ts'
import { formatTime, parseDuration } from '../machine/duration.ts'
import { fieldNames } from './field-flags.ts'
import { logFiles } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { lokiEntries } from './loki-entries.ts'
import { storySource, type LokiFlags } from './loki-flags.ts'
import { machineFrom } from './machine-file.ts'

/** The flags of `throughline story`. */
export interface StoryFlags extends LokiFlags {
  readonly machine?: string
  readonly format: 'text' | 'json' | 'mermaid'
  readonly full?: boolean
  readonly skew?: string
  readonly field?: readonly string[]
}

/** `throughline story`: what happened under one trace id, across all services. */
export async function storyCommand(
  traceId: string,
  names: readonly string[],
  flags: StoryFlags,
  io: Io,
): Promise<ExitStatus> {
  let searched: Searched | undefined
  const report = await readStory(traceId, names, flags, io, (all) => (searched = all))
  if (report === undefined) {
    const mend =
      flags.loki !== undefined && flags.query === undefined
        ? ': name your labels with --query, or an earlier --since'
        : ''
    io.err(`throughline: no line of trace ${traceId} in these logs${mend}\n`)
    return 1
  }
  if (flags.format === 'text' && searched?.from !== undefined)
    io.err(`throughline: ${leftOut(searched, searched.from)}\n`)
  if (flags.format === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`)
  else io.out(flags.format === 'mermaid' ? storyMermaid(report) : storyText(report, io.width))
  return 0
}

async function readStory(
  traceId: string,
  names: readonly string[],
  flags: StoryFlags,
  io: Io,
  onSearched: (searched: Searched) => void,
): Promise<StoryReport | undefined> {
  const options = { machine: await machineFrom(flags.machine), fields: fieldNames(flags.field) }
  const source = storySource(traceId, flags, { names, env: process.env, now: Date.now() })
  if (source !== undefined) return new TraceCollector(traceId, options).collect(lokiEntries(source, io))
  return storyOfFiles(traceId, await logFiles(names), {
    ...options,
    full: flags.full === true,
    ...(flags.skew === undefined ? {} : { skewMs: parseDuration(flags.skew) }),
    onDamage: (sentence) => io.err(`throughline: ${sentence}\n`),
    onSearched,
  })
}

function leftOut({ bytes, total }: Searched, from: number): string {
  const [read, all] = [bytes, total].map((count) => Math.ceil(count / 1_000_000).toLocaleString('en'))
  return `read ${read ?? ''} of ${all ?? ''} MB, from ${formatTime(from)} on; --full reads all`
}
