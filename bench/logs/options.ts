export interface LogOptions {
  /** The same seed and options give the same bytes. By default 1. */
  readonly seed?: number
  /** The number of requests, including those between services. By default 1,000. */
  readonly requests?: number
  /** The approximate size in bytes, within a few percent; ignored if `requests` is set. */
  readonly bytes?: number
  /**
   * 1 is one file for all services; more give each service, or each process of a service, its own file. By default 1.
   */
  readonly files?: number
  /**
   * The first receives outside requests, the last works on messages, those between are called. By default gateway,
   * auth, catalog, worker.
   */
  readonly services?: readonly string[]
  /** The share of traces whose first request is handed off by a message. By default 0.2. */
  readonly asyncShare?: number
  /** The share of messages that are delivered again after they were completed. By default 0.01. */
  readonly redeliveredShare?: number
  /** The share of requests that get stuck. By default 0.001. */
  readonly stuckShare?: number
  /** The number of requests that get stuck; replaces `stuckShare`. */
  readonly stuck?: number
  /** How often a process is killed, which leaves its open requests stuck. By default 0. */
  readonly crashes?: number
  /** The share of lines that are truncated, overwritten or joined with the next. By default 0. */
  readonly damage?: number
  /** The share of lines that are written twice, the second time at once or up to a minute later. By default 0. */
  readonly repeats?: number
  /**
   * The share of third-party lines, written by the application's pino, half of them with a `trace_id`. By default 0.
   */
  readonly others?: number
  /** How far the clock of a service is ahead, in milliseconds, by service. By default 0. */
  readonly skew?: Readonly<Record<string, number>>
  /** The maximum size of a file in bytes, after which it is renamed to `.1`, `.2` and so on. By default unlimited. */
  readonly rotation?: number
  /** Compresses the renamed files. By default false. */
  readonly gzip?: boolean
  /** Traces per second of log time. By default 1,000. */
  readonly rate?: number
  /** The form of trace ids: UUIDv7, UUIDv4 or short text. By default `v7`. */
  readonly idKind?: IdKind
  /** The share of traces whose caller is denied. By default 0.02. */
  readonly deniedShare?: number
  /** The share of requests that end with an error. By default 0.02. */
  readonly errorShare?: number
  /** The start of the first trace in epoch milliseconds. By default 1,790,000,000,000. */
  readonly start?: number
}

export const ID_KINDS = ['v7', 'v4', 'text'] as const

export type IdKind = (typeof ID_KINDS)[number]

/** All options with defaults applied; `requests` and `stuck` replace `bytes` and `stuckShare`. */
export interface LogSettings extends Required<Omit<LogOptions, 'bytes' | 'stuckShare' | 'services'>> {
  readonly services: readonly [string, ...string[]]
}

const DEFAULTS: Omit<LogSettings, 'requests' | 'stuck' | 'services'> = {
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

/** Applies the defaults. The caller converts `bytes` to `requests`. */
export function parseOptions(options: LogOptions): LogSettings {
  const {
    bytes: _bytes,
    services,
    stuckShare = 0.001,
    requests = 1_000,
    stuck = Math.round(stuckShare * requests),
    ...rest
  } = options
  const [first = 'gateway', ...others] = services ?? ['gateway', 'auth', 'catalog', 'worker']
  return { ...DEFAULTS, ...rest, services: [first, ...others], requests, stuck }
}
