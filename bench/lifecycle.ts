import { join } from 'node:path'
import { askSeveral } from './child.ts'
import { figure, roundsOf, type Figures } from './figures.ts'
import { median, spread } from './measure.ts'
import { progress } from './progress.ts'
import { atLeast, atMost, type Cell, type Question, type Table } from './question.ts'
import { withFolder } from './temporary.ts'

export const lifecycle: Question = {
  name: 'lifecycle',
  title: 'What does the whole life of one request cost?',
  method: `In one process, without a server: \`start()\`, \`authenticated()\`, \`processing()\`, \`responded()\`, four transitions. Without output it is
compared with an XState actor that is made, started and sent the three events. With output it is compared with pino alone: it writes the same four
lines in the cheapest way that pino has, with ids made beforehand and a child logger per line. That the lines are the same but for ids and
times is checked. The default destination is standard output, which is a file here. Requests come in turns of the event loop, one or sixteen
each: a destination that gathers lines hands them over between two turns. The time is that of the processor, the median of interleaved rounds in
three processes.`,
  ask: ({ rounds, quick }) =>
    withFolder(async (folder) => {
      progress('lifecycle, without output')
      const silent = await askSeveral('programs/lifecycle', { rounds, amount: quick ? 1_000 : 20_000 })
      progress('lifecycle, with output')
      const amount = quick ? 800 : 8_000
      const own = await askSeveral('programs/lifecycle-pino', { rounds, amount }, { args: [join(folder, 'own.log')] })
      const stdout = join(folder, 'stdout.log')
      const one = await askSeveral('programs/lifecycle-stdout', { rounds, amount, perTurn: 1 }, { args: [stdout], stdout })
      const sixteen = await askSeveral('programs/lifecycle-stdout', { rounds, amount, perTurn: 16 }, { args: [stdout], stdout })
      const [ours, actor] = [median(roundsOf(silent, 'throughline')), median(roundsOf(silent, 'actor'))]
      const ratio = median(roundsOf(own, 'throughline')) / median(roundsOf(own, 'alone'))
      return {
        tables: [
          table('Without output', '× throughline', ours, [row('throughline, `logger: false`', silent, 'throughline'), row('an XState actor', silent, 'actor')]),
          ownTable(own),
          defaultTable('1 request per turn, to standard output', one),
          defaultTable('16 requests per turn, to standard output', sixteen),
        ],
        marks: [
          atMost('a lifecycle without output takes less than 2 µs', ours / 1_000, 2, ' µs'),
          atLeast('a lifecycle without output costs an XState actor at least 20 times as much', actor / ours, 20, ' ×'),
          atMost("with the user's pino a lifecycle costs at most 1.25 × pino alone", ratio, 1.25, ' ×'),
        ],
      }
    }),
}

/** What each process has told. */
type Found = readonly Figures[]

interface Row {
  readonly name: string
  readonly ns: number
  readonly spread: number
  readonly more: readonly Cell[]
}

function row(name: string, found: Found, key: string, ...more: Cell[]): Row {
  const times = roundsOf(found, key)
  return { name, ns: median(times), spread: spread(times), more }
}

function table(title: string, compared: string, base: number, rows: readonly Row[], more: readonly string[] = []): Table {
  return {
    title,
    columns: [{ name: 'by' }, { name: 'µs per request', digits: 2 }, { name: '±', digits: 2 }, { name: compared, digits: 2 }, ...more.map((name) => ({ name }))],
    rows: rows.map(({ name, ns, spread: width, more: cells }) => [name, ns / 1_000, width / 1_000, ns / base, ...cells]),
  }
}

function ownTable(own: Found): Table {
  const bytes = (key: string): number => median(own.map((found) => figure(found, key)))
  const rows = [
    row('pino alone', own, 'alone', bytes('alone bytes')),
    row("throughline, the user's pino", own, 'throughline', bytes('throughline bytes')),
  ]
  return table("To a file, by one pino of the user's", '× pino alone', median(roundsOf(own, 'alone')), rows, ['bytes per request'])
}

function defaultTable(title: string, found: Found): Table {
  const durabilities = ['line', 'entry', 'turn'].map((name) => row(`throughline, \`durability: '${name}'\``, found, name))
  return table(title, '× pino alone', median(roundsOf(found, 'alone')), [row('pino alone, synchronous', found, 'alone'), ...durabilities])
}
