import type { StuckRequest } from '../record/stuck-request.ts'
import { extract, type Carrier, type Extracted } from '../trace/carrier.ts'
import { parseDuration } from '../machine/duration.ts'
import { getState } from '../machine/table.ts'
import type { StuckAfterMs } from '../tracking/in-flight.ts'
import { badOption, parseSettings, type TrackerOptions } from '../tracking/settings.ts'
import { closeAtExit } from '../tracking/shutdown.ts'
import { stuckRequest, type RequestTarget, type RequestInit } from '../tracking/build-records.ts'
import { TrackedRequest } from '../tracking/tracked-request.ts'
import { wrapHandler, type AnyHandlerOptions, type TrackRequest } from './wrap-handler.ts'
import { TrackerCore, type TrackerStats } from '../tracking/tracker-core.ts'
import { watchStuck } from '../tracking/stuck-watcher.ts'

/** Limits as users write them: `'30s'`, milliseconds, or one of these by state. */
export type StuckAfter = string | number | Readonly<Record<string, string | number>>

/** What {@link Tracker.start} takes besides the carrier. */
export interface StartOptions extends RequestTarget {
  /** What a `trustIncoming` function gets to see; by default the carrier. */
  readonly source?: unknown
  /** Milliseconds until whoever asked stops waiting: only then is the request stuck, whatever its states' own limits. */
  readonly timeLeft?: number | undefined
}

/** What {@link Tracker.resume} takes besides the carrier. */
export interface ResumeOptions extends RequestTarget {
  /** 1, 2 …: which delivery of the message this is. */
  readonly attempt?: number | undefined
}

/** What {@link Tracker.watch} takes. */
export interface WatchOptions {
  /**
   * How often the requests in flight are looked at: a duration, or milliseconds.
   *
   * @default '10s'
   */
  readonly every?: string | number
  /** As for {@link Tracker.stuck}; by default each state's `meta.stuckAfter`. */
  readonly stuckAfter?: StuckAfter
  /** Told once of each stay that is too long, after its line. What it throws is counted, and the watch goes on. */
  readonly onStuck?: (stuck: StuckRequest) => void
}

/** What a timer of Node's can wait; one that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Tracks the requests of one service: starts or resumes them, writes their lines, and knows which are in flight.
 */
export class Tracker {
  /** @internal */
  readonly core: TrackerCore
  readonly #watches = new Set<() => void>()

  constructor(options: TrackerOptions) {
    this.core = new TrackerCore(parseSettings(options))
    closeAtExit(this.core, this)
  }

  /** {@link trackRequest} with this tracker. */
  // One implementation serves all overloads, which TypeScript cannot see through.
  readonly trackRequest = ((handler: unknown, options: AnyHandlerOptions = {}) =>
    wrapHandler(this, handler, options)) as TrackRequest

  get service(): string {
    return this.core.settings.service
  }

  /**
   * Starts a request: its first line is out before this returns.
   *
   * @param carrier headers of an HTTP request or gRPC metadata; ids found there are used, `x-lifecycle` is not
   * @param asked what was asked; `source` is what a `trustIncoming` function gets to see
   */
  start(carrier?: Carrier, asked: StartOptions = {}): TrackedRequest {
    const request = this.acceptRequest(carrier, asked)
    this.core.beforeHandler()
    return request
  }

  /**
   * Resumes the request that a message hands over, or, where it carries none, starts one with its sender as parent.
   *
   * @param carrier the headers of the message
   * @param delivery `attempt` 1, 2 …: which delivery this is
   */
  resume(carrier: Carrier, delivery: ResumeOptions = {}): TrackedRequest {
    const request = this.acceptDelivery(carrier, delivery)
    this.core.beforeHandler()
    return request
  }

  /** @internal {@link start} for adapters, which have more to tell before the handler runs. */
  acceptRequest(carrier: Carrier, asked: StartOptions): TrackedRequest {
    const trusted = this.core.settings.trustsIncoming(asked.source ?? carrier)
    return this.#start(trusted ? extract(carrier, 'edge') : extract(undefined, 'edge'), asked)
  }

  /** @internal {@link resume} for adapters. */
  acceptDelivery(carrier: Carrier, delivery: ResumeOptions): TrackedRequest {
    const { settings } = this.core
    const extracted = extract(carrier, 'message')
    const { resumption, traceId } = extracted
    const state = resumption === undefined ? undefined : settings.table.state[resumption.state]
    if (resumption === undefined || traceId === undefined || state === undefined || state.final)
      return this.#start(extracted, delivery)
    const attempt = Number.isSafeInteger(delivery.attempt) ? Math.max(1, delivery.attempt ?? 1) : 1
    const request = new TrackedRequest(this.core, { ...delivery, ...resumption, state, traceId, extracted, attempt })
    this.core.onStarted(request)
    request.dispatchOrNote('ATTEMPT', {})
    return request
  }

  /** The requests that this process is to move on: neither ended nor handed over to a queue. */
  inFlight(): readonly TrackedRequest[] {
    return [...this.core.inFlight]
  }

  /**
   * The requests in flight that have been in their state for longer than its limit.
   *
   * @param limits a duration for all states, or one by state; by default each state's `meta.stuckAfter`, or the
   *   deadline of a gRPC call
   * @throws ThroughlineError THROUGHLINE_BAD_DURATION, or THROUGHLINE_BAD_STATE for a state that the machine has not
   */
  stuck(limits?: StuckAfter): readonly StuckRequest[] {
    const { settings, inFlight } = this.core
    const now = settings.elapsed()
    return inFlight
      .overdue(now, this.#parseLimits(limits))
      .map(({ request, limit }) => stuckRequest(request, settings.service, now, limit))
  }

  /**
   * Looks at the requests in flight again and again: logs one `stuck` line, at warn, for each that overstays, and one
   * note `MOVED_ON` when it moves on after all.
   *
   * The timer keeps no process alive. What blocks the event loop blocks this, too: that is for the audit to find.
   *
   * @returns a function that stops it; `close()` does so as well
   * @throws ThroughlineError as {@link stuck} does
   * @example tracker.watch({ every: '10s', onStuck: (request) => alerts.send(request) })
   */
  watch(options: WatchOptions = {}): () => void {
    const every = parseDuration(options.every ?? '10s')
    if (every < 1 || every > MAX_TIMER_MS) throw badOption('every', 'a duration from 1ms to 24d, such as "10s"')
    if (options.onStuck !== undefined && typeof options.onStuck !== 'function') throw badOption('onStuck', 'a function')
    const stop = watchStuck(this.core, {
      every,
      limits: this.#parseLimits(options.stuckAfter),
      onStuck: options.onStuck,
    })
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
   * Notes `SHUTDOWN` on every request still in flight, and hands all lines to the operating system.
   *
   * It is called when the process exits or is told to end by a signal. A request that comes to its end after that is
   * logged as ever.
   */
  close(): void {
    for (const stop of this.#watches) stop()
    this.#watches.clear()
    this.core.close()
  }

  #start(extracted: Extracted, asked: StartOptions): TrackedRequest {
    const { settings } = this.core
    const origin: RequestInit = {
      // Not all that was passed: an attempt belongs to a request that is resumed, and this one is not.
      method: asked.method,
      path: asked.path,
      timeoutMs: asked.timeLeft,
      traceId: extracted.traceId ?? settings.newTraceId(),
      requestId: settings.newRequestId(),
      state: settings.initial,
      seq: 0,
      since: settings.now(),
      extracted:
        extracted.traceId === undefined && extracted.flags !== settings.newTraceFlags
          ? { ...extracted, flags: settings.newTraceFlags }
          : extracted,
    }
    const request = new TrackedRequest(this.core, origin)
    request.emitFirst(origin)
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
