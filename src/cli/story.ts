import type { Searched } from '../logs/trace-search.ts'
import { formatTime, parseDuration } from '../machine/duration.ts'
import { storyOfSource, type StorySourceOptions } from '../queries/story-source.ts'
import { assertTraceId } from '../queries/trace-collector.ts'
import { storyMermaid, storyText, type StoryReport } from '../queries/story.ts'
import { fieldNames } from './field-flags.ts'
import type { ExitStatus, Io } from './io.ts'
import { lokiForStory, type LokiFlags } from './loki-flags.ts'
import { machineFrom } from './machine-file.ts'
import { openSource } from './open-source.ts'

/** The flags of `throughline story`. */
export interface StoryFlags extends LokiFlags {
  readonly machine?: string
  readonly format: 'text' | 'json' | 'mermaid'
  readonly full?: boolean
  readonly skew?: string
  readonly field?: readonly string[]
}

/** `throughline story`: what happened in one trace, in all services. */
export async function storyCommand(
  traceId: string,
  names: readonly string[],
  flags: StoryFlags,
  io: Io,
): Promise<ExitStatus> {
  let searched: Searched | undefined
  const report = await readStory(traceId, names, flags, io, (result) => (searched = result))
  if (report === undefined) {
    const fix =
      flags.loki !== undefined && flags.query === undefined
        ? ': select your labels with --query, or pass an earlier --since'
        : ''
    io.err(`throughline: no line of trace ${traceId} in these logs${fix}\n`)
    return 1
  }
  if (flags.format === 'text' && searched?.from !== undefined)
    io.err(`throughline: ${describeSkipped(searched, searched.from)}\n`)
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
  assertTraceId(traceId)
  const options: StorySourceOptions = {
    machine: await machineFrom(flags.machine),
    fields: fieldNames(flags.field),
    full: flags.full === true,
    ...(flags.skew === undefined ? {} : { skewMs: parseDuration(flags.skew) }),
    onSearched,
  }
  const loki = lokiForStory(traceId, flags, { names, env: process.env, now: Date.now() })
  const source = await openSource(names, loki, io)
  try {
    return await storyOfSource(traceId, source, options)
  } finally {
    source.close?.()
  }
}

function describeSkipped({ bytes, total }: Searched, from: number): string {
  const [read, all] = [bytes, total].map((count) => Math.ceil(count / 1_000_000).toLocaleString('en'))
  return `read ${read ?? ''} of ${all ?? ''} MB, from ${formatTime(from)} on; --full reads everything`
}
