import { join } from 'node:path'
import { atLeast, atMost, type Benchmark, type Cell, type Table } from './benchmark.ts'
import { callInProcesses } from './child.ts'
import { getNumber, valuesOfRounds, type NumericRecord } from './numeric-record.ts'
import { showProgress } from './progress.ts'
import { median, spread } from './statistics.ts'
import { withTempFolder } from './temp-folder.ts'

export const lifecycle: Benchmark = {
  name: 'lifecycle',
  title: 'Cost of a whole request lifecycle',
  method: `\`start()\`, \`authenticated()\`, \`processing()\`, \`responded()\`: four transitions, without a server. Without output, the baseline is an XState
actor that is created, started and sent the three events. With output, it is pino alone, which writes the same four lines in its cheapest way:
ids made beforehand and a child logger per line. Standard output is redirected to a file. A turn of the event loop runs one or sixteen
requests; destinations that buffer lines flush them between turns. Processor time, in three processes.`,
  run: ({ rounds, quick }) =>
    withTempFolder(async (folder) => {
      showProgress('lifecycle, without output')
      const silent = await callInProcesses('programs/lifecycle', { rounds, amount: quick ? 1_000 : 20_000 })
      showProgress('lifecycle, with output')
      const amount = quick ? 800 : 8_000
      const userPino = await callInProcesses(
        'programs/lifecycle-pino',
        { rounds, amount },
        { args: [join(folder, 'user-pino.log')] },
      )
      const stdout = join(folder, 'stdout.log')
      const one = await callInProcesses(
        'programs/lifecycle-stdout',
        { rounds, amount, perTurn: 1 },
        { args: [stdout], stdout },
      )
      const sixteen = await callInProcesses(
        'programs/lifecycle-stdout',
        { rounds, amount, perTurn: 16 },
        { args: [stdout], stdout },
      )
      const [throughlineNs, actorNs] = [
        median(valuesOfRounds(silent, 'throughline')),
        median(valuesOfRounds(silent, 'actor')),
      ]
      const pinoRatio = median(valuesOfRounds(userPino, 'throughline')) / median(valuesOfRounds(userPino, 'pino'))
      return {
        tables: [
          tableOf('Without output', '× throughline', throughlineNs, [
            rowOf('throughline, `logger: false`', silent, 'throughline'),
            rowOf('an XState actor', silent, 'actor'),
          ]),
          userPinoTable(userPino),
          stdoutTable('1 request per turn, to standard output', one),
          stdoutTable('16 requests per turn, to standard output', sixteen),
        ],
        targets: [
          atMost('a lifecycle without output takes less than 2 µs', throughlineNs / 1_000, 2, ' µs'),
          atLeast(
            'an XState actor takes at least 20 × as long as a lifecycle without output',
            actorNs / throughlineNs,
            20,
            ' ×',
          ),
          atMost("a lifecycle with the user's pino takes at most 1.25 × as long as pino alone", pinoRatio, 1.25, ' ×'),
        ],
      }
    }),
}

/** The result of each process. */
type Results = readonly NumericRecord[]

interface Row {
  readonly name: string
  readonly ns: number
  readonly spreadNs: number
  readonly extraCells: readonly Cell[]
}

function rowOf(name: string, results: Results, key: string, ...extraCells: Cell[]): Row {
  const times = valuesOfRounds(results, key)
  return { name, ns: median(times), spreadNs: spread(times), extraCells }
}

function tableOf(
  title: string,
  ratioName: string,
  baseNs: number,
  rows: readonly Row[],
  extraColumns: readonly string[] = [],
): Table {
  return {
    title,
    columns: [
      { name: 'variant' },
      { name: 'µs per request', digits: 2 },
      { name: '±', digits: 2 },
      { name: ratioName, digits: 2 },
      ...extraColumns.map((name) => ({ name })),
    ],
    rows: rows.map(({ name, ns, spreadNs, extraCells }) => [
      name,
      ns / 1_000,
      spreadNs / 1_000,
      ns / baseNs,
      ...extraCells,
    ]),
  }
}

function userPinoTable(results: Results): Table {
  const bytes = (key: string): number => median(results.map((result) => getNumber(result, key)))
  const rows = [
    rowOf('pino alone', results, 'pino', bytes('pino bytes')),
    rowOf("throughline, the user's pino", results, 'throughline', bytes('throughline bytes')),
  ]
  return tableOf("To a file, with the user's pino", '× pino alone', median(valuesOfRounds(results, 'pino')), rows, [
    'bytes per request',
  ])
}

function stdoutTable(title: string, results: Results): Table {
  const durabilities = ['line', 'entry', 'turn'].map((name) =>
    rowOf(`throughline, \`durability: '${name}'\``, results, name),
  )
  return tableOf(title, '× pino alone', median(valuesOfRounds(results, 'pino')), [
    rowOf('pino alone, synchronous', results, 'pino'),
    ...durabilities,
    rowOf("throughline, `durability: 'entry'`, `data` on one line", results, 'data'),
    rowOf("throughline, `durability: 'entry'`, `data` on one line, redacted", results, 'redact'),
  ])
}
