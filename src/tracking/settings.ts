import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { ThroughlineError } from '../errors.ts'
import { compile } from '../machine/compile.ts'
import { getState, type StateInfo, type TransitionTable } from '../machine/table.ts'
import { pinoSink } from '../sinks/pino.ts'
import type { PinoLogger } from '../sinks/pino-internals.ts'
import { stdoutSink, type Durability } from '../sinks/stdout.ts'
import { isRequestId, isTraceId, newRequestId, newTraceId } from '../trace/trace-id.ts'
import { NEW_TRACE_FLAGS } from '../trace/carrier.ts'
import { SAMPLED } from '../trace/traceparent.ts'
import { loggedName } from '../record/truncate.ts'
import type { Sink } from '../record/record.ts'
import { ErrorReporter } from './error-reporter.ts'

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
  readonly machine?: AnyStateMachine
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
  /** Creates trace ids: 1 to 128 characters of `[A-Za-z0-9._:-]`. By default UUIDs of version 7. */
  readonly newTraceId?: () => string
  /**
   * Creates request ids: 16 lower-case hex digits, not all zero. Calls are numbered in the last three digits only if
   * these are `000`. By default 13 random digits and `000`.
   */
  readonly newRequestId?: () => string
  /**
   * `'log'` also logs each call that a client with `propagate` sends, as a note `CALL` once it has ended. Sinks with a
   * method `call` and the channel `throughline:call` receive these calls without it.
   */
  readonly calls?: 'log'
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
  readonly newTraceId: () => string
  readonly newRequestId: () => string
  readonly newTraceFlags: number
}

/**
 * Parses the options into frozen settings.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, naming the option and what it must be
 */
export function parseSettings(options: TrackerOptions): Settings {
  const { service, logger, machine, trustIncoming = true, onInvalid = 'log', durability = 'entry', now } = options
  if (typeof service !== 'string' || service === '' || loggedName(service) !== service) {
    throw badOption('service', 'a name of 1 to 64 bytes, such as "gateway"')
  }
  for (const sink of options.sinks ?? [])
    if (typeof sink.write !== 'function') throw badOption('sinks', 'objects with a write(record) method')
  if (!['log', 'throw'].includes(onInvalid)) throw badOption('onInvalid', "'log' or 'throw'")
  const logsCalls = options.calls === 'log'
  if (options.calls !== undefined && !logsCalls) throw badOption('calls', "'log', or left out")
  if (!['entry', 'turn', 'line'].includes(durability)) throw badOption('durability', "'entry', 'turn' or 'line'")
  if (logger !== undefined && logger !== false && typeof logger.child !== 'function') {
    throw badOption('logger', 'a pino logger, or false for none; any other logger joins through sinks')
  }
  const errors = new ErrorReporter(service)
  const table = compile(machine ?? requestMachine)
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
  })
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
  customId?: () => string,
): () => string {
  if (customId === undefined) return defaultId
  return () => {
    const id = errors.run(customId)
    if (id !== undefined && isValid(id)) return id
    if (id !== undefined) errors.report(new TypeError('newTraceId() or newRequestId() returned an invalid id'))
    return defaultId()
  }
}

/** The error for an option that cannot be used, which says what the option must be. */
export function badOption(option: string, expected: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_BAD_OPTION', `option "${option}" must be ${expected}`)
}
