import { execPath } from 'node:process'
import { atMost, type Benchmark, type Cell, type Table, type Target } from './benchmark.ts'
import { cachedLogs, warmPageCache } from './cached-logs.ts'
import { CLI_PATH } from './cli-path.ts'
import { interleave, resultsOf } from './interleave.ts'
import type { SampleTrace } from './logs/expected.ts'
import type { GeneratedLogs } from './logs/generate-logs.ts'
import { clearProgress, showProgress } from './progress.ts'
import { isInstalled, runCommand, type CommandResult } from './run-command.ts'
import { median, spread } from './statistics.ts'

export const story: Benchmark = {
  name: 'story',
  title: 'Time for the story of one trace, compared with grep',
  method: `The logs are those of the audit benchmark, in one file. The trace begins after 5, 50 or 95 % of all requests. Its id is a UUIDv7, which
contains the time when the trace began, or short text, which does not. \`grep -F\` and \`rg -F\` print the lines that contain the id to a reader
that discards them. A good part of the story's time is the startup of Node, which the first row shows alone.`,
  run: async ({ rounds, quick }) => {
    const [small, large] = quick ? [1e6, 1e7] : [1e9, 4e9]
    const cases: Case[] = []
    for (const bytes of [small, large])
      cases.push(...casesOf(await cachedLogs({ bytes, files: 1 }), `${formatSize(bytes)}, UUIDv7`))
    cases.push(...casesOf(await cachedLogs({ bytes: small, files: 1, idKind: 'text' }), `${formatSize(small)}, text`))
    const tools = await installedTools()
    const rows: Cell[][] = [await measureNodeStartup(rounds)]
    for (const testCase of cases) {
      await warmPageCache(testCase.logs.files)
      await checkLineCount(testCase)
      const results = await interleave(tools, Math.min(rounds, 7), (tool, round) => {
        showProgress(`story, ${testCase.name}, ${testCase.sample.place}: round ${round + 1}, ${tool.name}`)
        return tool.run(testCase)
      })
      rows.push(
        rowOf(
          testCase,
          tools.map((tool) => resultsOf(results, tool)),
        ),
      )
    }
    const toolColumns = tools
      .slice(1)
      .flatMap(({ name }) => [{ name: `${name}, ms` }, { name: `× ${name}`, digits: 2 }])
    const columns = [
      { name: 'log, id' },
      { name: 'trace' },
      { name: 'story, ms' },
      { name: '±', digits: 0 },
      { name: 'peak, MB' },
      ...toolColumns,
    ]
    const table = { title: 'Milliseconds from start to exit', columns, rows }
    return { tables: [table], targets: grepTargets(table) }
  },
}

interface Case {
  readonly name: string
  readonly logs: GeneratedLogs
  readonly sample: SampleTrace
}

interface Tool {
  readonly name: string
  readonly run: (testCase: Case) => Promise<CommandResult>
}

function casesOf(logs: GeneratedLogs, name: string): Case[] {
  return logs.expected.samples.map((sample) => ({ name, logs, sample }))
}

/** The story comes first. */
async function installedTools(): Promise<readonly Tool[]> {
  const search = (program: string): Tool => ({
    name: program,
    run: ({ logs, sample }) => runCommand(program, ['-F', sample.trace_id, ...logs.files]),
  })
  const tools: Tool[] = [
    {
      name: 'story',
      run: ({ logs, sample }) => runCommand(execPath, [CLI_PATH, 'story', sample.trace_id, ...logs.files]),
    },
  ]
  for (const program of ['grep', 'rg']) {
    if (await isInstalled(program)) tools.push(search(program))
    else {
      clearProgress()
      console.error(`skipping ${program}, which is not installed`)
    }
  }
  return tools
}

async function measureNodeStartup(rounds: number): Promise<Cell[]> {
  const results: CommandResult[] = []
  for (let round = 0; round < Math.min(rounds, 7); round += 1) results.push(await runCommand(execPath, ['--eval', '']))
  return ['Node alone', null, ...timeCells(results)]
}

function rowOf(
  { name, sample }: Case,
  [storyResults = [], ...otherResults]: readonly (readonly CommandResult[])[],
): Cell[] {
  const storySeconds = median(storyResults.map(({ seconds }) => seconds))
  return [
    name,
    sample.place,
    ...timeCells(storyResults),
    ...otherResults.flatMap((results) => {
      const otherSeconds = median(results.map(({ seconds }) => seconds))
      return [otherSeconds * 1_000, storySeconds / otherSeconds]
    }),
  ]
}

function timeCells(results: readonly CommandResult[]): Cell[] {
  const ms = results.map(({ seconds }) => seconds * 1_000)
  return [median(ms), spread(ms), median(results.map(({ peakMb }) => peakMb))]
}

/** The members of a story in JSON that are counted. */
interface StoryOutput {
  readonly requests: readonly Readonly<Record<'transitions' | 'notes', readonly object[]>>[]
  readonly lines: readonly object[]
}

/** @throws Error unless the story has every line of the trace */
async function checkLineCount({ name, logs, sample }: Case): Promise<void> {
  const { stdout } = await runCommand(execPath, [CLI_PATH, 'story', sample.trace_id, '--format', 'json', ...logs.files])
  const { requests, lines } = JSON.parse(stdout) as StoryOutput
  const count =
    lines.length + requests.reduce((sum, { transitions, notes }) => sum + transitions.length + notes.length, 0)
  if (count !== sample.lines)
    throw new Error(`${name}: the story of ${sample.trace_id} has ${count} lines instead of ${sample.lines}`)
}

function formatSize(bytes: number): string {
  return bytes >= 5e8 ? `${bytes / 1e9} GB` : `${bytes / 1e6} MB`
}

/**
 * The worst ratio for each kind of log, if grep is installed. The limits are for logs of 1 and 4 GB, so a quick run has
 * no targets.
 */
function grepTargets({ columns, rows }: Table): Target[] {
  const column = columns.findIndex(({ name }) => name === '× grep')
  const limits: Readonly<Record<string, number>> = { '1 GB, UUIDv7': 1, '4 GB, UUIDv7': 0.2, '1 GB, text': 3 }
  return Object.entries(limits).flatMap(([log, limit]) => {
    const ratios = rows.filter(([name]) => name === log).map((row) => Number(row[column]))
    if (ratios.length === 0 || column === -1) return []
    return [
      atMost(`a story in ${log}, takes at most ${String(limit)} × as long as grep`, Math.max(...ratios), limit, ' ×'),
    ]
  })
}
