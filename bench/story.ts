import { execPath } from 'node:process'
import { bigLog, warm } from './big-logs.ts'
import { exists, ran, type Ran } from './command.ts'
import type { Generated } from './logs/generate.ts'
import type { SampleTrace } from './logs/truth.ts'
import { interleaved, median, of, spread } from './measure.ts'
import { progress, progressEnds } from './progress.ts'
import { atMost, type Cell, type Mark, type Question, type Table } from './question.ts'
import { THROUGHLINE } from './throughline.ts'

export const story: Question = {
  name: 'story',
  title: 'How long does the story of one trace take, beside grep?',
  method: `The logs are those of the audit, in one file and in the system's cache. The trace begins after a twentieth, a half or nineteen twentieths of
all requests. Its id is a UUID of version 7, which says when the trace began, or short text, which says nothing. \`throughline story\` prints the
story; \`grep -F\` and \`rg -F\` print the lines that hold the id, in their order, to a reader that throws them away: with output to \`/dev/null\` grep would
stop at the first. Each is a command, measured from its start to its end, so a good part of ours is the start of Node, which the first row has alone.
The story's lines are counted, and have to be those that were written. *Peak* is the most memory that was resident. Medians of interleaved rounds.`,
  ask: async ({ rounds, quick }) => {
    const [one, four] = quick ? [1e6, 1e7] : [1e9, 4e9]
    const cases: Case[] = []
    for (const bytes of [one, four]) cases.push(...casesOf(await bigLog({ bytes, files: 1 }), `${shown(bytes)}, version 7`))
    cases.push(...casesOf(await bigLog({ bytes: one, files: 1, idKind: 'text' }), `${shown(one)}, text`))
    const tools = await toolsHere()
    const rows: Cell[][] = [await startOfNode(rounds)]
    for (const asked of cases) {
      await warm(asked.log.files)
      await expectAllLines(asked)
      const measured = await interleaved(tools, Math.min(rounds, 7), (tool, round) => {
        progress(`story, ${asked.name}, ${asked.sample.place}: round ${round + 1}, ${tool.name}`)
        return tool.run(asked)
      })
      rows.push(rowOf(asked, tools.map((tool) => of(measured, tool))))
    }
    const names = tools.slice(1).flatMap(({ name }) => [{ name: `${name}, ms` }, { name: `× ${name}`, digits: 2 }])
    const columns = [{ name: 'log, id' }, { name: 'place' }, { name: 'story, ms' }, { name: '±', digits: 0 }, { name: 'peak, MB' }, ...names]
    const table = { title: 'Milliseconds from start to end', columns, rows }
    return { tables: [table], marks: besideGrep(table) }
  },
}

interface Case {
  readonly name: string
  readonly log: Generated
  readonly sample: SampleTrace
}

interface Tool {
  readonly name: string
  readonly run: (asked: Case) => Promise<Ran>
}

function casesOf(log: Generated, name: string): Case[] {
  return log.truth.sample.map((sample) => ({ name, log, sample }))
}

async function toolsHere(): Promise<readonly Tool[]> {
  const search = (program: string): Tool => ({ name: program, run: ({ log, sample }) => ran(program, ['-F', sample.trace_id, ...log.files]) })
  const tools: Tool[] = [{ name: 'story', run: ({ log, sample }) => ran(execPath, [THROUGHLINE, 'story', sample.trace_id, ...log.files]) }]
  for (const program of ['grep', 'rg']) {
    if (await exists(program)) tools.push(search(program))
    else {
      progressEnds()
      console.error(`${program} is left out, since it is not installed`)
    }
  }
  return tools
}

async function startOfNode(rounds: number): Promise<Cell[]> {
  const starts: Ran[] = []
  for (let round = 0; round < Math.min(rounds, 7); round += 1) starts.push(await ran(execPath, ['--eval', '']))
  return ['Node alone', null, ...timesOf(starts)]
}

function rowOf({ name, sample }: Case, [ours = [], ...others]: readonly (readonly Ran[])[]): Cell[] {
  const middle = median(ours.map(({ seconds }) => seconds))
  return [
    name,
    sample.place,
    ...timesOf(ours),
    ...others.flatMap((runs) => {
      const theirs = median(runs.map(({ seconds }) => seconds))
      return [theirs * 1_000, middle / theirs]
    }),
  ]
}

function timesOf(runs: readonly Ran[]): Cell[] {
  const ms = runs.map(({ seconds }) => seconds * 1_000)
  return [median(ms), spread(ms), median(runs.map(({ peak }) => peak))]
}

/** Makes sure that the story holds every line of the trace. */
async function expectAllLines({ name, log, sample }: Case): Promise<void> {
  const { stdout } = await ran(execPath, [THROUGHLINE, 'story', sample.trace_id, '--format', 'json', ...log.files])
  // The cast names as much of the answer as is used.
  const { requests, lines } = JSON.parse(stdout) as { readonly requests: readonly Readonly<Record<'transitions' | 'notes', readonly object[]>>[]; readonly lines: readonly object[] }
  const told = lines.length + requests.reduce((sum, { transitions, notes }) => sum + transitions.length + notes.length, 0)
  if (told !== sample.lines) throw new Error(`${name}: the story of ${sample.trace_id} has ${told} lines, and there are ${sample.lines}`)
}

function shown(bytes: number): string {
  return bytes >= 5e8 ? `${bytes / 1e9} GB` : `${bytes / 1e6} MB`
}

/** The worst of each kind of log against grep, where grep is here: the limits were set for logs of 1 and 4 GB. */
export function besideGrep({ columns, rows }: Table): Mark[] {
  const place = columns.findIndex(({ name }) => name === '× grep')
  const limits: Readonly<Record<string, number>> = { '1 GB, version 7': 1, '4 GB, version 7': 0.2, '1 GB, text': 3 }
  return Object.entries(limits).flatMap(([log, limit]) => {
    const ratios = rows.filter(([name]) => name === log).map((row) => Number(row[place]))
    return ratios.length === 0 || place === -1 ? [] : [atMost(`a story in ${log}, takes at most ${String(limit)} × as long as grep`, Math.max(...ratios), limit, ' ×')]
  })
}
