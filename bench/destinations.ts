import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { Child } from './child.ts'
import { DESTINATIONS, type DestinationName } from './destinations/_destination.ts'
import { figure } from './figures.ts'
import { interleaved, median, of, spread } from './measure.ts'
import { progress } from './progress.ts'
import type { Effort, Question, Table } from './question.ts'
import { ENDINGS, survivors, type Ending } from './survival.ts'
import { withFolder } from './temporary.ts'

const NAMES: Readonly<Record<DestinationName, string>> = {
  nothing: 'nothing is written: the loop itself',
  line: 'one write per line',
  entry: 'one write before the handler, one per turn',
  turn: 'one write per turn',
  'pino-asynchronous': "pino's asynchronous destination, 4 kB",
  'pino-worker': "pino's transport, a thread",
  'writer-thread': 'a thread that writes, over shared memory',
}

export const destinations: Question = {
  name: 'destinations',
  title: 'What does it cost to hand lines to the operating system, and what survives?',
  method: `Ways to get lines into a file, without throughline. A request is four lines of 300 bytes: two, then its handler is about to run, then two.
Each way has a process of its own; CPU is the processor time of the whole process, with all of its threads, until the last line is in the file. A
turn of the event loop serves one request or sixteen, and the next one waits where a stream asks for a pause. The median of interleaved rounds.

*Survives* is tried out: a process serves twenty requests or more and then comes to its end inside the handler of one more, by SIGKILL, by
\`process.abort()\`, or because it blocks its event loop and is killed later. Counted are the processes whose file holds both of the lines that this
request wrote before its handler ran.`,
  ask: (effort) =>
    withFolder(async (folder) => {
      const cost = await costs(folder, effort)
      return { tables: [cost, await survival(folder, effort.quick ? 2 : 20)], marks: [] }
    }),
}

async function costs(folder: string, { rounds, quick }: Effort): Promise<Table> {
  const amount = quick ? 1_600 : 16_000
  const children = new Map(DESTINATIONS.map((name) => [name, started(name, join(folder, `${name}.log`))]))
  const measured = async (perTurn: number): Promise<ReadonlyMap<DestinationName, number[]>> => {
    const measure = async (name: DestinationName): Promise<number> => figure((await children.get(name)?.ask('run', { amount, perTurn })) ?? {}, 'cpu')
    await interleaved(DESTINATIONS, 2, measure)
    return interleaved(DESTINATIONS, rounds, (name, round) => {
      progress(`destinations, ${perTurn} per turn: round ${round + 1} of ${rounds}, ${name}`)
      return measure(name)
    })
  }
  try {
    const [one, sixteen] = [await measured(1), await measured(16)]
    return {
      title: 'CPU µs per request of four lines',
      columns: [
        { name: 'way' },
        { name: '1 request per turn', digits: 1 },
        { name: '±', digits: 1 },
        { name: '16 requests per turn', digits: 1 },
        { name: '± ', digits: 1 },
      ],
      rows: DESTINATIONS.map((name) => [NAMES[name], ...[one, sixteen].flatMap((all) => [median(of(all, name)), spread(of(all, name))])]),
    }
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()))
  }
}

function started(name: DestinationName, file: string): Child {
  writeFileSync(file, '')
  return new Child('programs/destination', { args: [name, file] })
}

async function survival(folder: string, tries: number): Promise<Table> {
  const rows = []
  for (const name of DESTINATIONS.filter((destination) => destination !== 'nothing')) {
    const told = []
    for (const ending of ENDINGS) {
      progress(`destinations, ${name}: ${ending}`)
      told.push(`${await survivors(name, ending, tries, folder)} of ${tries}`)
    }
    rows.push([NAMES[name], ...told])
  }
  return { title: 'Survives', columns: [{ name: 'way' }, ...ENDINGS.map((ending) => ({ name: WORDS[ending] }))], rows }
}

const WORDS: Readonly<Record<Ending, string>> = { kill: 'SIGKILL', abort: 'abort', block: 'blocked for ever' }
