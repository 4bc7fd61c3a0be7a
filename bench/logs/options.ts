/** What a log is made of; all of it has a default. */
export interface LogOptions {
  /** The same seed and options give the same bytes. By default 1. */
  readonly seed?: number
  /** How many requests, those of services that other services call included. By default 1,000. */
  readonly requests?: number
  /** About how many bytes instead, within a few percent; `requests` goes before it. */
  readonly bytes?: number
  /** One file for all services, or several: each service has a file, or one for each of its processes. By default 1. */
  readonly files?: number
  /** The first is asked by the world, the last works on messages, those between are called. By default gateway, auth, catalog, worker. */
  readonly services?: readonly string[]
  /** The share of traces whose first request is handed over by a message. By default 0.2. */
  readonly asyncShare?: number
  /** The share of messages that are delivered again after they were done with. By default 0.01. */
  readonly redeliveredShare?: number
  /** The share of requests that hang somewhere for ever. By default 0.001. */
  readonly stuckShare?: number
  /** How many requests hang, instead of their share. */
  readonly stuck?: number
  /** How many times some process is killed: what it has open stays open. By default 0. */
  readonly crashes?: number
  /** The share of lines that are cut, overwritten or joined with the next. By default 0. */
  readonly damage?: number
  /** The share of lines that are written again, at once or up to a minute later. By default 0. */
  readonly repeats?: number
  /** The share of lines that are pino's but not ours, half of them with a `trace_id`. By default 0. */
  readonly others?: number
  /** What a service's clock is ahead, in milliseconds. */
  readonly skew?: Readonly<Record<string, number>>
  /** A file has at most so many bytes, and is then renamed to `.1`, `.2` and so on. By default it is never. */
  readonly rotation?: number
  /** Packs the parts of a file that were renamed. By default false. */
  readonly gzip?: boolean
  /** Traces per second of the log's time. By default 1,000. */
  readonly rate?: number
  /** What trace ids look like: UUIDs of version 7 or 4, or short text. By default `v7`. */
  readonly idKind?: IdKind
  /** The share of traces whose caller is refused. By default 0.02. */
  readonly deniedShare?: number
  /** The share of requests that end in an error. By default 0.02. */
  readonly errorShare?: number
  /** When the first trace begins, in epoch milliseconds. By default 1,790,000,000,000. */
  readonly start?: number
}

export const ID_KINDS = ['v7', 'v4', 'text'] as const

export type IdKind = (typeof ID_KINDS)[number]

/** All options, with nothing left out but how the amount is told. */
export interface LogSettings extends Required<Omit<LogOptions, 'bytes' | 'stuckShare' | 'services'>> {
  readonly services: readonly [string, ...string[]]
}

type Settled = Omit<LogSettings, 'requests' | 'stuck' | 'services'>

const DEFAULTS: Settled = {
  seed: 1,
  files: 1,
  asyncShare: 0.2,
  redeliveredShare: 0.01,
  crashes: 0,
  damage: 0,
  repeats: 0,
  others: 0,
  skew: {},
  rotation: Infinity,
  gzip: false,
  rate: 1_000,
  idKind: 'v7',
  deniedShare: 0.02,
  errorShare: 0.02,
  start: 1_790_000_000_000,
}

/** Puts defaults in the place of what is left out; `bytes` are reckoned in requests by whoever can. */
export function logSettings({ bytes: _bytes, services, stuckShare = 0.001, requests = 1_000, stuck = Math.round(stuckShare * requests), ...rest }: LogOptions): LogSettings {
  const [first = 'gateway', ...others] = services ?? ['gateway', 'auth', 'catalog', 'worker']
  return { ...DEFAULTS, ...rest, services: [first, ...others], requests, stuck }
}
