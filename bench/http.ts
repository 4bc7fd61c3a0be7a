import { Child } from './child.ts'
import { figure } from './figures.ts'
import { check, checkCount } from './http-check.ts'
import { RunningServer } from './http-running.ts'
import { BARE, BOTH, ENTRY, linesOf, OPEN_TELEMETRY, PINO_HTTP, SERVERS, TURN, type ServerVariant } from './http-servers.ts'
import { interleaved, median, of, shares, spread } from './measure.ts'
import { progress } from './progress.ts'
import { atMost, type Effort, type Mark, type Question, type Report, type Table } from './question.ts'
import { withFolder } from './temporary.ts'

export const http: Question = {
  name: 'http',
  title: 'What does it add to a request of node:http?',
  method: `Each server runs in a process of its own and gives the same small answer; autocannon asks from another process, over connections that are
kept alive, with the headers that Node's own fetch sends. Before it is measured, each server has to show that its answer, its lines and its spans
are right; after each round, that no line is missing. CPU is the processor time of the whole server process, user and system, with all of its
threads, up to where the last line or span is handed over. All rounds are interleaved; all processes are started anew after each third of them. *Added* is the median of the difference from the bare
server in the same round, ± half of the distance between the quartiles. With one connection each request finds a process that has just slept, so
everything costs more. Requests per second are limited by the client too, on a machine of few cores.

All logs go to files on the same disk. pino-http: its defaults, with pino's synchronous destination. By hand: an id, an AsyncLocalStorage, a
header and four lines of one pino child per request, synchronous too. XState actor: the same, with an actor per request that says when to log.
evlog: a wide event per request through the console, its default in production, by an integration made with its toolkit. OpenTelemetry: the
http instrumentation, a batch processor with its defaults, and an exporter that writes each batch as JSON to a file in one asynchronous write,
which is less than a real exporter does. throughline: its defaults but for what is named.`,
  ask: (effort) => withFolder((folder) => measureAll(folder, effort)),
}

async function measureAll(folder: string, { rounds, quick }: Effort): Promise<Report> {
  const load = new Child('programs/load')
  const many = new Map<ServerVariant, Round[]>()
  const one = new Map<ServerVariant, Round[]>()
  try {
    for (const share of shares(rounds)) {
      await withServers(folder, async (servers) => {
        await measureRounds(servers, load, { rounds: share, amount: quick ? 500 : 10_000, connections: 20 }, many)
        await measureRounds(servers, load, { rounds: share, amount: quick ? 200 : 4_000, connections: 1 }, one)
      })
    }
  } finally {
    await load.stop()
  }
  return { tables: [tableOf('20 connections', many), tableOf('1 connection', one)], marks: marksOf(many) }
}

type Servers = ReadonlyMap<ServerVariant, RunningServer>

/** Starts all servers, makes sure that they are right, and ends them when they have been used. */
async function withServers(folder: string, use: (servers: Servers) => Promise<void>): Promise<void> {
  const servers = new Map(SERVERS.map((variant) => [variant, new RunningServer(variant, folder)]))
  try {
    for (const [variant, server] of servers) {
      await server.listen()
      await check(variant, server)
    }
    await use(servers)
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
}

interface Round {
  /** Microseconds per request. */
  readonly cpu: number
  readonly perSecond: number
}

interface Load {
  readonly rounds: number
  readonly amount: number
  readonly connections: number
}

type Rounds = ReadonlyMap<ServerVariant, readonly Round[]>

/** Adds rounds to those that other processes have run before. */
async function measureRounds(servers: Servers, load: Child, asked: Load, to: Map<ServerVariant, Round[]>): Promise<void> {
  // Code is compiled as it gets hot: what it costs until then is not asked for.
  for (let round = 0; round < 2; round += 1) for (const [variant, server] of servers) await measure(variant, server, load, asked)
  const results = await interleaved([...servers], asked.rounds, ([variant, server], number) => {
    progress(`http, ${asked.connections} connections: round ${number + 1} of ${asked.rounds}, ${variant.name}`)
    return measure(variant, server, load, asked)
  })
  for (const [[variant], rounds] of results) to.set(variant, [...(to.get(variant) ?? []), ...rounds])
}

async function measure(variant: ServerVariant, server: RunningServer, load: Child, { amount, connections }: Load): Promise<Round> {
  server.clear()
  await server.begin()
  const done = await load.ask('run', { port: server.port, amount, connections })
  const cpu = await server.end()
  if (figure(done, 'failed') > 0) throw new Error(`${variant.name}: ${figure(done, 'failed')} of ${amount} requests failed`)
  checkCount(variant, server, amount)
  return { cpu: cpu / amount, perSecond: amount / figure(done, 'seconds') }
}

/** Round by round: whatever else the machine does meanwhile hits both. */
function added(rounds: Rounds, variant: ServerVariant): number[] {
  const bare = of(rounds, BARE)
  return of(rounds, variant).map(({ cpu }, index) => cpu - (bare[index]?.cpu ?? NaN))
}

function tableOf(title: string, rounds: Rounds): Table {
  const peers = [PINO_HTTP, OPEN_TELEMETRY, BOTH]
  return {
    title,
    columns: [
      { name: 'server' },
      { name: 'lines' },
      { name: 'CPU µs per request', digits: 1 },
      { name: 'added µs', digits: 1 },
      { name: '±', digits: 1 },
      ...peers.map(({ name }) => ({ name: `× ${name}`, digits: 2 })),
      { name: 'requests/s', digits: 0 },
    ],
    rows: SERVERS.map((variant) => {
      const all = of(rounds, variant)
      const differences = added(rounds, variant)
      const compared = variant === BARE ? [null, null, ...peers.map(() => null)] : [
        median(differences),
        spread(differences),
        ...peers.map((peer) => median(differences) / median(added(rounds, peer))),
      ]
      return [variant.name, linesOf(variant), median(all.map(({ cpu }) => cpu)), ...compared, median(all.map(({ perSecond }) => perSecond))]
    }),
  }
}

function marksOf(rounds: Rounds): Mark[] {
  const mark = (ours: ServerVariant, limit: number, peer: ServerVariant): Mark => {
    const ratio = median(added(rounds, ours)) / median(added(rounds, peer))
    return atMost(`${ours.name} adds at most ${limit.toFixed(2)} × what ${peer.name} adds, with 20 connections`, ratio, limit, ' ×')
  }
  return [mark(ENTRY, 1, PINO_HTTP), mark(TURN, 0.7, PINO_HTTP), mark(TURN, 0.5, OPEN_TELEMETRY), mark(TURN, 0.33, BOTH)]
}
