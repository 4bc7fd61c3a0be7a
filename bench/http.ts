import { atMost, type Benchmark, type Report, type RunOptions, type Table, type Target } from './benchmark.ts'
import { Child } from './child.ts'
import { checkLineCount, checkServer } from './http-check.ts'
import { ServerProcess } from './http-server-process.ts'
import {
  BARE,
  linesPerRequest,
  OPEN_TELEMETRY,
  OPEN_TELEMETRY_AND_PINO_HTTP,
  PINO_HTTP,
  SERVERS,
  THROUGHLINE,
  THROUGHLINE_TURN,
  type ServerVariant,
} from './http-servers.ts'
import { interleave, resultsOf, splitRounds } from './interleave.ts'
import { getNumber } from './numeric-record.ts'
import { showProgress } from './progress.ts'
import { median, spread } from './statistics.ts'
import { withTempFolder } from './temp-folder.ts'

export const http: Benchmark = {
  name: 'http',
  title: 'Overhead per node:http request',
  method: `Each server has its own process and sends the same small response. autocannon sends the requests from another process over keep-alive
connections, with the headers of Node's own fetch. CPU is the processor time of the server process, all threads included, until the last line
or span is flushed. *Added* is the median difference from the bare server in the same round. With one connection the process sleeps before each
request, so everything costs more. On few cores the client limits the requests per second too. All processes are restarted after each third of
the rounds.

| server        | what it does                                                                                                      |
| ------------- | ----------------------------------------------------------------------------------------------------------------- |
| pino-http     | its defaults, with pino's synchronous destination                                                                 |
| by hand       | an id, an AsyncLocalStorage, a header and four lines of one pino child per request, synchronous                   |
| XState actor  | the same, with an actor per request whose transitions trigger the lines                                           |
| evlog         | one wide event per request through the console, its default in production                                         |
| OpenTelemetry | the http instrumentation, a default batch processor, and an exporter that writes each batch as JSON in one asynchronous write: less work than a real one |
| throughline   | its defaults, apart from what the row names                                                                       |

All log to files on the same disk.`,
  run: (options) => withTempFolder((folder) => measureAll(folder, options)),
}

async function measureAll(folder: string, { rounds, quick }: RunOptions): Promise<Report> {
  const load = new Child('programs/load')
  const twenty = new Map<ServerVariant, Round[]>()
  const one = new Map<ServerVariant, Round[]>()
  try {
    for (const share of splitRounds(rounds)) {
      await withServers(folder, async (servers) => {
        await measureRounds(servers, load, { rounds: share, amount: quick ? 500 : 10_000, connections: 20 }, twenty)
        await measureRounds(servers, load, { rounds: share, amount: quick ? 200 : 4_000, connections: 1 }, one)
      })
    }
  } finally {
    await load.stop()
  }
  return { tables: [tableOf('20 connections', twenty), tableOf('1 connection', one)], targets: targetsOf(twenty) }
}

type Servers = ReadonlyMap<ServerVariant, ServerProcess>

/** Starts and checks all servers, and stops them after use. */
async function withServers(folder: string, use: (servers: Servers) => Promise<void>): Promise<void> {
  const servers = new Map(SERVERS.map((variant) => [variant, new ServerProcess(variant, folder)]))
  try {
    for (const [variant, server] of servers) {
      await server.listen()
      await checkServer(variant, server)
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
  /** Requests per round. */
  readonly amount: number
  readonly connections: number
}

type Rounds = ReadonlyMap<ServerVariant, readonly Round[]>

/** Appends its rounds to `results`, which has the rounds of earlier processes. */
async function measureRounds(
  servers: Servers,
  loadGenerator: Child,
  load: Load,
  results: Map<ServerVariant, Round[]>,
): Promise<void> {
  // Two rounds of warm-up, until V8 has compiled the hot code.
  for (let round = 0; round < 2; round += 1)
    for (const [variant, server] of servers) await measure(variant, server, loadGenerator, load)
  const measured = await interleave([...servers], load.rounds, ([variant, server], round) => {
    showProgress(`http, ${load.connections} connections: round ${round + 1} of ${load.rounds}, ${variant.name}`)
    return measure(variant, server, loadGenerator, load)
  })
  for (const [[variant], rounds] of measured) results.set(variant, [...(results.get(variant) ?? []), ...rounds])
}

async function measure(
  variant: ServerVariant,
  server: ServerProcess,
  loadGenerator: Child,
  { amount, connections }: Load,
): Promise<Round> {
  server.clear()
  await server.startRound()
  const result = await loadGenerator.call('run', { port: server.port, amount, connections })
  const cpu = await server.endRound()
  const failed = getNumber(result, 'failed')
  if (failed > 0) throw new Error(`${variant.name}: ${failed} of ${amount} requests failed`)
  checkLineCount(variant, server, amount)
  return { cpu: cpu / amount, perSecond: amount / getNumber(result, 'seconds') }
}

/** The difference is taken round by round, because other load on the machine affects both servers of a round. */
function addedCpu(rounds: Rounds, variant: ServerVariant): number[] {
  const bare = resultsOf(rounds, BARE)
  return resultsOf(rounds, variant).map(({ cpu }, index) => cpu - (bare[index]?.cpu ?? NaN))
}

function tableOf(title: string, rounds: Rounds): Table {
  return {
    title,
    columns: [
      { name: 'server' },
      { name: 'lines' },
      { name: 'CPU µs per request', digits: 1 },
      { name: 'added µs', digits: 1 },
      { name: '±', digits: 1 },
      { name: `× ${PINO_HTTP.name}`, digits: 2 },
      { name: 'requests/s', digits: 0 },
    ],
    rows: SERVERS.map((variant) => {
      const results = resultsOf(rounds, variant)
      const added = addedCpu(rounds, variant)
      const compared =
        variant === BARE
          ? [null, null, null]
          : [median(added), spread(added), median(added) / median(addedCpu(rounds, PINO_HTTP))]
      return [
        variant.name,
        linesPerRequest(variant),
        median(results.map(({ cpu }) => cpu)),
        ...compared,
        median(results.map(({ perSecond }) => perSecond)),
      ]
    }),
  }
}

function targetsOf(rounds: Rounds): Target[] {
  const target = (variant: ServerVariant, limit: number, peer: ServerVariant): Target => {
    const ratio = median(addedCpu(rounds, variant)) / median(addedCpu(rounds, peer))
    return atMost(
      `${variant.name} adds at most ${limit.toFixed(2)} × what ${peer.name} adds, with 20 connections`,
      ratio,
      limit,
      ' ×',
    )
  }
  return [
    target(THROUGHLINE, 1, PINO_HTTP),
    target(THROUGHLINE_TURN, 0.7, PINO_HTTP),
    target(THROUGHLINE_TURN, 0.5, OPEN_TELEMETRY),
    target(THROUGHLINE_TURN, 0.33, OPEN_TELEMETRY_AND_PINO_HTTP),
  ]
}
