import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import type { Benchmark, RunOptions, Table } from './benchmark.ts'
import { Child } from './child.ts'
import { countIntactLogs, CRASHES, type Crash } from './crash-test.ts'
import { DESTINATIONS, type DestinationName } from './destinations/_destination.ts'
import { interleave, resultsOf } from './interleave.ts'
import { getNumber } from './numeric-record.ts'
import { showProgress } from './progress.ts'
import { median, spread } from './statistics.ts'
import { withTempFolder } from './temp-folder.ts'

const ROW_NAMES: Readonly<Record<DestinationName, string>> = {
  none: 'no output: the loop alone',
  line: 'one write per line',
  entry: 'one write before the handler, one per turn',
  turn: 'one write per turn',
  'pino-asynchronous': "pino's asynchronous destination, 4 kB",
  'pino-transport': "pino's transport, a worker thread",
  'writer-thread': 'a writer thread, over shared memory',
}

const CRASH_NAMES: Readonly<Record<Crash, string>> = { kill: 'SIGKILL', abort: 'abort', block: 'blocked event loop' }

export const destinations: Benchmark = {
  name: 'destinations',
  title: 'Ways to write log lines: cost, and what survives a crash',
  method: `Ways to write lines to a file, without throughline. A request is four lines of 300 bytes: two before its handler runs, two after. CPU is the
processor time of the way's own process, all threads included, until the last line is in the file. The next turn of the event loop waits while
a stream signals backpressure.

*Survives a crash*: a process serves twenty or more requests and crashes in the handler of another one. The table counts the processes whose
file has both lines that this request wrote before its handler ran. A blocked event loop is killed in the end.`,
  run: (options) =>
    withTempFolder(async (folder) => {
      const cost = await measureCost(folder, options)
      return { tables: [cost, await testCrashes(folder, options.quick ? 2 : 20)], targets: [] }
    }),
}

async function measureCost(folder: string, { rounds, quick }: RunOptions): Promise<Table> {
  const requests = quick ? 1_600 : 16_000
  const children = new Map(DESTINATIONS.map((name) => [name, startChild(name, join(folder, `${name}.log`))]))
  const measureAll = async (perTurn: number): Promise<ReadonlyMap<DestinationName, number[]>> => {
    const measure = async (name: DestinationName): Promise<number> =>
      getNumber((await children.get(name)?.call('run', { requests, perTurn })) ?? {}, 'cpu')
    await interleave(DESTINATIONS, 2, measure)
    return interleave(DESTINATIONS, rounds, (name, round) => {
      showProgress(`destinations, ${perTurn} per turn: round ${round + 1} of ${rounds}, ${name}`)
      return measure(name)
    })
  }
  try {
    const [one, sixteen] = [await measureAll(1), await measureAll(16)]
    return {
      title: 'CPU µs per request of four lines',
      columns: [
        { name: 'way' },
        { name: '1 request per turn', digits: 1 },
        { name: '±', digits: 1 },
        { name: '16 requests per turn', digits: 1 },
        { name: '± ', digits: 1 },
      ],
      rows: DESTINATIONS.map((name) => {
        const cells = [one, sixteen]
          .map((results) => resultsOf(results, name))
          .flatMap((times) => [median(times), spread(times)])
        return [ROW_NAMES[name], ...cells]
      }),
    }
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()))
  }
}

function startChild(name: DestinationName, file: string): Child {
  writeFileSync(file, '')
  return new Child('programs/destination', { args: [name, file] })
}

async function testCrashes(folder: string, tries: number): Promise<Table> {
  const rows = []
  for (const name of DESTINATIONS.filter((destination) => destination !== 'none')) {
    const cells = []
    for (const crash of CRASHES) {
      showProgress(`destinations, ${name}: ${crash}`)
      cells.push(`${await countIntactLogs(name, crash, tries, folder)} of ${tries}`)
    }
    rows.push([ROW_NAMES[name], ...cells])
  }
  return {
    title: 'Survives a crash',
    columns: [{ name: 'way' }, ...CRASHES.map((crash) => ({ name: CRASH_NAMES[crash] }))],
    rows,
  }
}
