import { tableOf } from '../machine/default-table.ts'
import type { MachineLike } from '../machine/machine-like.ts'
import { getState, type StateInfo, type TransitionTable } from '../machine/table.ts'
import { pinoSink } from '../sinks/pino.ts'
import { isPino, type PinoLogger } from '../sinks/pino-internals.ts'
import { stdoutSink, type Durability } from '../sinks/stdout.ts'
import { isRequestId, isTraceId, newRequestId, newTraceId } from '../trace/trace-id.ts'
import { NEW_TRACE_FLAGS } from '../trace/carrier.ts'
import { SAMPLED } from '../trace/traceparent.ts'
import { loggedName } from '../record/truncate.ts'
import type { Sink } from '../record/sink.ts'
import { ErrorReporter } from './error-reporter.ts'
import { parseIdHeaders, type IdHeaderOptions, type IdHeaders } from './id-headers.ts'
import { badOption, badOptions, type OptionNames } from './options.ts'
import { parseRedaction, type RedactOption, type Redaction } from './redaction.ts'

export { badOption } from './options.ts'

/** The options of {@link createTracker}. */
export interface TrackerOptions {
  /** The name of this service, written on every line: 1 to 64 bytes. */
  readonly service: string
  /** A pino logger, which has its own destination; by default NDJSON on standard output. `false` writes no lines. */
  readonly logger?: PinoLogger | false
  /**
   * When the default destination writes its lines: `'entry'` before a request's handler runs and then once per turn of
   * the event loop, `'turn'` once per turn, `'line'` each line immediately. Does not apply to a `logger`.
   *
   * @default 'entry'
   */
  readonly durability?: Durability
  /** An XState machine; by default that of `machines/request.ts`. */
  readonly machine?: MachineLike
  /** Further sinks, each of which receives every record. */
  readonly sinks?: readonly Sink[]
  /**
   * Whether incoming ids are used. For public edges: `false`, or a function that decides by the host's request.
   *
   * @default true
   */
  readonly trustIncoming?: boolean | ((source: unknown) => boolean)
  /**
   * What happens on an event that the state does not accept: it is logged as `rejected`, and with `'throw'` the call
   * that sent it also throws THROUGHLINE_INVALID_TRANSITION.
   *
   * @default 'log'
   */
  readonly onInvalid?: 'log' | 'throw'
  /**
   * Returns epoch milliseconds. By default `Date.now`, with a monotonic clock for durations; a custom clock serves
   * both.
   */
  readonly now?: () => number
  /**
   * Creates trace ids: 1 to 128 characters of `[A-Za-z0-9._:-]`. By default UUIDs of version 7. Gets the host's request
   * or message, or the carrier of a request that is started by hand.
   */
  readonly newTraceId?: (source: unknown) => string
  /**
   * Creates request ids: 16 lower-case hex digits, not all zero. Calls are numbered in the last three digits only if
   * these are `000`. By default 13 random digits and `000`.
   */
  readonly newRequestId?: () => string
  /** Under which names the trace id comes in and is sent back: by default `x-trace-id`. */
  readonly headers?: IdHeaderOptions
  /**
   * `'log'` also logs each call that a client with `propagate` sends, as a note `CALL` once it has ended. Sinks with a
   * method `call` and the channel `throughline:call` receive these calls without it.
   */
  readonly calls?: 'log'
  /** What is masked in every record, for all sinks: paths as in pino, under `data` and `error`. */
  readonly redact?: RedactOption
}

/** The names of {@link TrackerOptions}. */
export const TRACKER_OPTIONS: OptionNames<TrackerOptions> = {
  service: true,
  logger: true,
  durability: true,
  machine: true,
  sinks: true,
  trustIncoming: true,
  onInvalid: true,
  now: true,
  newTraceId: true,
  newRequestId: true,
  headers: true,
  redact: true,
  calls: true,
}

type EarlySink = Sink & Required<Pick<Sink, 'beforeHandler'>>

/** The parsed options of a tracker. */
export interface Settings {
  readonly service: string
  readonly table: TransitionTable
  /** The state in which a request starts. */
  readonly initial: StateInfo
  readonly sinks: readonly Sink[]
  /** Whether calls are logged, and whether a sink or the log takes them. */
  readonly logsCalls: boolean
  readonly observesCalls: boolean
  /** The sinks with a `beforeHandler` method. */
  readonly earlySinks: readonly EarlySink[]
  readonly trustsIncoming: (source: unknown) => boolean
  readonly throwInvalid: boolean
  readonly errors: ErrorReporter
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds that never run backwards, for durations. */
  readonly elapsed: () => number
  readonly newTraceId: (source: unknown) => string
  readonly newRequestId: () => string
  readonly newTraceFlags: number
  readonly idHeaders: IdHeaders
  readonly redaction: Redaction | undefined
}

/**
 * Parses the options into frozen settings.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, naming the option and what it must be
 */
export function parseSettings(options: TrackerOptions): Settings {
  const { service, logger, machine, trustIncoming = true, onInvalid = 'log', now } = options
  if (typeof service !== 'string' || service === '' || loggedName(service) !== service) {
    throw badOption('service', 'a name of 1 to 64 bytes, such as "gateway"')
  }
  for (const sink of options.sinks ?? [])
    if (typeof sink.write !== 'function') throw badOption('sinks', 'objects with a write(record) method')
  if (!['log', 'throw'].includes(onInvalid)) throw badOption('onInvalid', "'log' or 'throw'")
  const logsCalls = options.calls === 'log'
  if (options.calls !== undefined && !logsCalls) throw badOption('calls', "'log', or left out")
  checkFunctions(options)
  const durability = parseDestination(options)
  const errors = new ErrorReporter(service)
  const table = tableOf(machine)
  const clock = guardedClock(errors, now)
  const sinks = [...logSinks(logger, service, durability, errors), ...(options.sinks ?? [])]
  return Object.freeze({
    service,
    table,
    initial: getState(table, table.initial),
    sinks: Object.freeze(sinks),
    logsCalls,
    observesCalls: logsCalls || sinks.some((sink) => typeof sink.call === 'function'),
    earlySinks: Object.freeze(sinks.filter((sink): sink is EarlySink => sink.beforeHandler !== undefined)),
    trustsIncoming: trustPredicate(trustIncoming, errors),
    throwInvalid: onInvalid === 'throw',
    errors,
    now: clock,
    elapsed: now === undefined ? () => performance.now() : monotonic(clock),
    newTraceId: guardedId(errors, newTraceId, isTraceId, options.newTraceId),
    newRequestId: guardedId(errors, newRequestId, isRequestId, options.newRequestId),
    // The flag says that the id is random, which is not known of a user's ids.
    newTraceFlags: options.newTraceId === undefined ? NEW_TRACE_FLAGS : SAMPLED,
    idHeaders: parseIdHeaders(options.headers),
    redaction: parseRedaction(options.redact, errors),
  })
}

function checkFunctions(options: TrackerOptions): void {
  for (const name of ['now', 'newTraceId', 'newRequestId'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') throw badOption(name, 'a function')
  }
  const trust: unknown = options.trustIncoming
  if (trust !== undefined && !['boolean', 'function'].includes(typeof trust))
    throw badOption('trustIncoming', 'true, false or a function that decides')
}

/** Checks where lines go, and returns when they are written. */
function parseDestination({ logger, durability }: TrackerOptions): Durability {
  if (durability !== undefined && logger !== undefined)
    throw badOptions(
      'option "durability" has no effect with "logger": it is about the lines on standard output. Leave one of them out',
    )
  if (durability !== undefined && !['entry', 'turn', 'line'].includes(durability))
    throw badOption('durability', "'entry', 'turn' or 'line'")
  if (logger !== undefined && logger !== false && !isPino(logger))
    throw badOption(
      'logger',
      'a pino logger, or false for none. For winston, bunyan, the console or any other logger use a sink: ' +
        'logger: false, sinks: [{ write: (record) => log(lineFields(record)) }]. See docs/tracking.md#where-lines-go',
    )
  return durability ?? 'entry'
}

function logSinks(
  logger: PinoLogger | false | undefined,
  service: string,
  durability: Durability,
  errors: ErrorReporter,
): Sink[] {
  if (logger === false) return []
  return [
    logger === undefined ? stdoutSink(service, durability, errors.report) : pinoSink(logger, service, errors.report),
  ]
}

function trustPredicate(
  trustIncoming: TrackerOptions['trustIncoming'],
  errors: ErrorReporter,
): (source: unknown) => boolean {
  if (typeof trustIncoming !== 'function') return () => trustIncoming === true
  // If the predicate throws, the id is not trusted.
  return (source) => errors.run(() => trustIncoming(source)) === true
}

function guardedClock(errors: ErrorReporter, now: (() => number) | undefined): () => number {
  if (now === undefined) return Date.now
  return () => {
    const time = errors.run(now)
    if (typeof time === 'number' && Number.isFinite(time)) return time
    if (time !== undefined) errors.report(new TypeError('now() did not return a number'))
    return Date.now()
  }
}

/** A monotonic clock from one that may be set back: only its steps forward count. */
function monotonic(clock: () => number): () => number {
  let elapsed = 0
  let last = Number.NaN
  return () => {
    const time = clock()
    if (time > last) elapsed += time - last
    last = time
    return elapsed
  }
}

function guardedId(
  errors: ErrorReporter,
  defaultId: () => string,
  isValid: (id: unknown) => boolean,
  customId?: (source: unknown) => string,
): (source?: unknown) => string {
  if (customId === undefined) return defaultId
  return (source) => {
    const id = errors.run(() => customId(source))
    if (id !== undefined && isValid(id)) return id
    if (id !== undefined) errors.report(new TypeError('newTraceId() or newRequestId() returned an invalid id'))
    return defaultId()
  }
}
