import { parseDuration } from '../machine/duration.ts'
import { getState } from '../machine/table.ts'
import type { StuckRequest } from '../record/stuck-request.ts'
import type { Carrier } from '../trace/carrier.ts'
import { stuckRequest } from '../tracking/build-records.ts'
import type { StuckAfterMs } from '../tracking/in-flight.ts'
import { acceptDelivery, acceptRequest } from '../tracking/intake.ts'
import type { RequestCore, ResumeOptions, StartOptions } from '../tracking/intake.ts'
import { badOption, checkNames, type OptionNames } from '../tracking/options.ts'
import { parseSettings, TRACKER_OPTIONS, type TrackerOptions } from '../tracking/settings.ts'
import { closeAtExit } from '../tracking/shutdown.ts'
import { watchStuck } from '../tracking/stuck-watcher.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { TrackerCore, type TrackerStats } from '../tracking/tracker-core.ts'
import { checkHandlerOptions } from './handler-options.ts'
import { ALL_HANDLER_OPTIONS, wrapHandler, type AnyHandlerOptions, type TrackRequest } from './wrap-handler.ts'

/** Limits as users write them: `'30s'`, milliseconds, or one of these by state. */
export type StuckAfter = string | number | Readonly<Record<string, string | number>>

/** What {@link Tracker.watch} takes. */
export interface WatchOptions {
  /**
   * How often the requests in flight are checked: a duration, or milliseconds.
   *
   * @default '10s'
   */
  readonly every?: string | number
  /** As for {@link Tracker.stuck}; by default each state's `meta.stuckAfter`. */
  readonly stuckAfter?: StuckAfter
  /** Called once per state visit that exceeds its limit, after its line. An error that it throws is counted. */
  readonly onStuck?: (stuck: StuckRequest) => void
}

const WATCH_OPTIONS: OptionNames<WatchOptions> = { every: true, stuckAfter: true, onStuck: true }

/** The options of a tracker, which its methods do not take. */
const TRACKERS_OWN = { names: [TRACKER_OPTIONS], of: 'createTracker()' }

/** The longest time that a timer of Node's can wait; one that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Tracks the requests of one service: starts or resumes them, writes their lines, and knows which are in flight.
 */
export class Tracker {
  /** @internal */
  readonly core: RequestCore
  readonly #watches = new Set<() => void>()

  constructor(options: TrackerOptions) {
    this.core = new TrackerCore<TrackedRequest>(parseSettings(options))
    closeAtExit(this.core, this)
  }

  /** {@link trackRequest} with this tracker. */
  // One implementation serves all overloads, which TypeScript cannot express without a cast.
  readonly trackRequest = ((handler: unknown, options: AnyHandlerOptions = {}) => {
    checkNames(options, 'tracker.trackRequest()', [ALL_HANDLER_OPTIONS], TRACKERS_OWN)
    checkHandlerOptions(options)
    return wrapHandler(this.core, handler, options)
  }) as TrackRequest

  get service(): string {
    return this.core.settings.service
  }

  /**
   * Starts a request; its first line is written before this returns.
   *
   * @param carrier headers of an HTTP request or gRPC metadata; ids found there are used, `x-lifecycle` is not
   * @param options what was asked; `source` is the argument of `trustIncoming` and `newTraceId`
   */
  start(carrier?: Carrier, options: StartOptions = {}): TrackedRequest {
    return this.#byHand((core) => acceptRequest(core, carrier, options))
  }

  /**
   * Resumes the request that a message hands off, or, where it carries none, starts one with its sender as parent.
   *
   * @param carrier the headers of the message
   * @param delivery `attempt` 1, 2 …: the number of this delivery
   */
  resume(carrier: Carrier, delivery: ResumeOptions = {}): TrackedRequest {
    return this.#byHand((core) => acceptDelivery(core, carrier, delivery))
  }

  /** The requests that this process is responsible for: neither ended nor handed off to a queue. */
  inFlight(): readonly TrackedRequest[] {
    return [...this.core.inFlight]
  }

  /**
   * The requests in flight that have been in their state for longer than its limit.
   *
   * @param limits a duration for all states, or one by state; by default each state's `meta.stuckAfter`, or the
   *   deadline of a gRPC call
   * @throws ThroughlineError THROUGHLINE_BAD_DURATION, or THROUGHLINE_BAD_STATE for a state that the machine does not
   *   have
   */
  stuck(limits?: StuckAfter): readonly StuckRequest[] {
    const { settings, inFlight } = this.core
    const now = settings.elapsed()
    return inFlight
      .overdue(now, this.#parseLimits(limits))
      .map(({ request, limit }) => stuckRequest(request, settings.service, now, limit))
  }

  /**
   * Checks the requests in flight at intervals: logs one `stuck` line, at warn, per state visit that exceeds its limit,
   * and one note `MOVED_ON` when such a request moves on after all.
   *
   * The timer does not keep the process alive. A blocked event loop blocks this check too; the audit finds that case.
   *
   * @returns a function that stops it; `close()` does so as well
   * @throws ThroughlineError as {@link stuck} does
   * @example tracker.watch({ every: '10s', onStuck: (request) => alerts.send(request) })
   */
  watch(options: WatchOptions = {}): () => void {
    checkNames(options, 'watch()', [WATCH_OPTIONS])
    const every = parseDuration(options.every ?? '10s')
    if (every < 1 || every > MAX_TIMER_MS) throw badOption('every', 'a duration from 1ms to 24d, such as "10s"')
    if (options.onStuck !== undefined && typeof options.onStuck !== 'function') throw badOption('onStuck', 'a function')
    const limits = this.#parseLimits(options.stuckAfter)
    const stop = watchStuck(this.core, { every, limits, onStuck: options.onStuck })
    this.#watches.add(stop)
    return () => {
      stop()
      this.#watches.delete(stop)
    }
  }

  get stats(): TrackerStats {
    return this.core.stats
  }

  /**
   * Notes `SHUTDOWN` on every request still in flight, and flushes all lines.
   *
   * It is called when the process exits or receives a signal to end. A request that ends after that is logged as usual.
   */
  close(): void {
    for (const stop of this.#watches) stop()
    this.#watches.clear()
    this.core.close()
  }

  /** If tracking fails, the request is one that leaves no line: what follows works on it all the same. */
  #byHand(accept: (core: RequestCore) => TrackedRequest): TrackedRequest {
    const { errors } = this.core.settings
    const request = errors.run(() => accept(this.core)) ?? accept(this.core.ignoring)
    request.entry = 'by hand'
    errors.run(() => this.core.beforeHandler())
    return request
  }

  #parseLimits(limits: StuckAfter | undefined): StuckAfterMs | undefined {
    if (limits === undefined) return undefined
    if (typeof limits !== 'object') return parseDuration(limits)
    const { table } = this.core.settings
    const entries = Object.entries(limits).map(([state, limit]): [string, number] => {
      return [getState(table, state).name, parseDuration(limit)]
    })
    return Object.fromEntries(entries)
  }
}
