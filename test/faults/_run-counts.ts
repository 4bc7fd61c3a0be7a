import type { Destination } from './programs/_destinations.ts'

/** How often each fault is tried: a few times by `npm test`, many times by `npm run test:faults`. */
interface RunCounts {
  /** Crashes of each kind, for each destination of the lines. */
  readonly crashes: number
  /** SIGKILLs of a loaded server, its worker or both, by destination. */
  readonly kills: Readonly<Record<Destination, number>>
  /** SIGTERMs to a loaded server, its worker or both. */
  readonly terminations: number
  /** Requests of each test with a slow, full or closed log. */
  readonly blockedLogRequests: number
  /** Requests within one process. */
  readonly inProcessRequests: number
  /** HTTP requests whose sockets are destroyed at random times. */
  readonly abortedRequests: number
  /** Simultaneous connections. */
  readonly connections: number
  /** Property runs in one process. */
  readonly inProcessRuns: number
  /** Hostile messages over raw sockets. */
  readonly hostileRequests: number
  /** Randomly damaged logs. */
  readonly damagedLogs: number
  /** Property runs with randomly throwing callbacks. */
  readonly throwingRuns: number
}

const short: RunCounts = {
  crashes: 1,
  kills: { default: 5, line: 3, turn: 1, 'pino-sync': 2, 'pino-async': 1 },
  terminations: 4,
  blockedLogRequests: 150,
  inProcessRequests: 20_000,
  abortedRequests: 500,
  connections: 300,
  inProcessRuns: 150,
  hostileRequests: 250,
  damagedLogs: 50,
  throwingRuns: 40,
}

const long: RunCounts = {
  crashes: 20,
  kills: { default: 120, line: 60, turn: 20, 'pino-sync': 40, 'pino-async': 20 },
  terminations: 60,
  blockedLogRequests: 3_000,
  inProcessRequests: 1_000_000,
  abortedRequests: 20_000,
  connections: 5_000,
  inProcessRuns: 10_000,
  hostileRequests: 50_000,
  damagedLogs: 2_000,
  throwingRuns: 1_000,
}

export const LONG = process.env.FAULTS === 'long'

export const RUNS: RunCounts = LONG ? long : short
