/** How often each fault is tried: briefly by `npm test`, and at length by `npm run test:faults`. */
export interface Budget {
  /** Deaths of each kind, for each destination of the lines. */
  readonly deaths: number
  /** Moments at which a loaded server, its worker or both are killed, by destination. */
  readonly killed: Readonly<Record<'default' | 'line' | 'turn' | 'own-sync' | 'own-async', number>>
  /** Moments at which they are told to end. */
  readonly told: number
  /** Requests of each test whose log is slow, full or gone. */
  readonly stalled: number
  /** Requests that run to one of their ends within one process. */
  readonly inProcess: number
  /** Requests over HTTP whose sockets are destroyed at random moments. */
  readonly overHttp: number
  /** Connections at once. */
  readonly connections: number
  /** Runs under clocks that jump. */
  readonly clocks: number
  /** Hostile messages over raw sockets. */
  readonly hostile: number
  /** Logs that are damaged at random. */
  readonly logs: number
  /** Runs with parts of the tracker that fail at random. */
  readonly throwing: number
}

const short: Budget = {
  deaths: 1,
  killed: { default: 5, line: 3, turn: 1, 'own-sync': 2, 'own-async': 1 },
  told: 4,
  stalled: 150,
  inProcess: 20_000,
  overHttp: 500,
  connections: 300,
  clocks: 150,
  hostile: 250,
  logs: 50,
  throwing: 40,
}

const long: Budget = {
  deaths: 20,
  killed: { default: 120, line: 60, turn: 20, 'own-sync': 40, 'own-async': 20 },
  told: 60,
  stalled: 3_000,
  inProcess: 1_000_000,
  overHttp: 20_000,
  connections: 5_000,
  clocks: 10_000,
  hostile: 50_000,
  logs: 2_000,
  throwing: 1_000,
}

export const LONG = process.env.FAULTS === 'long'

export const BUDGET: Budget = LONG ? long : short
