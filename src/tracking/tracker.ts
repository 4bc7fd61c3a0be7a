import type { StuckRequest } from '../transition/stuck.ts'
import { extract, type Carrier, type Extracted } from '../trace/carrier.ts'
import { parseDuration } from '../lifecycle/duration.ts'
import { ThroughlineError } from '../errors.ts'
import type { StuckLimits } from './in-flight.ts'
import { settingsOf, type TrackerOptions } from './settings.ts'
import { closeAtExit } from './shutdown.ts'
import type { Asked, Origin } from './records.ts'
import { TrackedRequest } from './tracked-request.ts'
import { wrap, type AnyHandlerOptions, type TrackRequest } from './wrap.ts'
import { TrackerCore, type TrackerStats } from './tracker-core.ts'

/** Limits as users write them: `'30s'`, milliseconds, or one of these by state. */
export type StuckAfter = string | number | Readonly<Record<string, string | number>>

/**
 * Tracks the requests of one service: starts or resumes them, writes their lines, and knows which are in flight.
 */
export class Tracker {
  /** @internal */
  readonly core: TrackerCore

  constructor(options: TrackerOptions) {
    this.core = new TrackerCore(settingsOf(options))
    closeAtExit(this)
  }

  /** {@link trackRequest} with this tracker. */
  // One implementation serves all overloads, which TypeScript cannot see through.
  readonly trackRequest = ((handler: unknown, options: AnyHandlerOptions = {}) => wrap(this, handler, options)) as TrackRequest

  get service(): string {
    return this.core.settings.service
  }

  /**
   * Starts a request: its first line is written before this returns.
   *
   * @param carrier headers of an HTTP request or gRPC metadata; ids found there are used, `x-lifecycle` is not
   * @param asked what was asked; `source` is what a `trustIncoming` function gets to see
   */
  start(carrier?: Carrier, asked: Asked & { readonly source?: unknown } = {}): TrackedRequest {
    const trusted = this.core.settings.trusts(asked.source ?? carrier)
    return this.#begin(trusted ? extract(carrier, 'edge') : extract(undefined, 'edge'), asked)
  }

  /**
   * Resumes the request that a message hands over, or, where it carries none, starts one with its sender as parent.
   *
   * @param carrier the headers of the message
   * @param delivery `attempt` 1, 2 …: which delivery this is
   */
  resume(carrier: Carrier, delivery: Asked & { readonly attempt?: number | undefined } = {}): TrackedRequest {
    const { settings } = this.core
    const extracted = extract(carrier, 'message')
    const { resumption, traceId } = extracted
    const state = resumption === undefined ? undefined : settings.table.state[resumption.state]
    if (resumption === undefined || traceId === undefined || state === undefined || state.final) return this.#begin(extracted, delivery)
    const attempt = Number.isSafeInteger(delivery.attempt) ? Math.max(1, delivery.attempt ?? 1) : 1
    const request = new TrackedRequest(this.core, { ...delivery, ...resumption, traceId, extracted, attempt })
    this.core.entered(request, undefined)
    request.offer('ATTEMPT', {})
    return request
  }

  /** The requests that this process is to move on: neither ended nor handed over to a queue. */
  inFlight(): readonly TrackedRequest[] {
    return [...this.core.inFlight]
  }

  /**
   * The requests in flight that have been in their state for longer than its limit.
   *
   * @param limits a duration for all states, or one by state; by default each state's `meta.stuckAfter`
   * @throws ThroughlineError THROUGHLINE_BAD_DURATION, or THROUGHLINE_BAD_STATE for a state that the machine has not
   */
  stuck(limits?: StuckAfter): readonly StuckRequest[] {
    const { settings, inFlight } = this.core
    const now = settings.now()
    return [...inFlight.overdue(settings.table, now, this.#limits(limits))].map(({ request, limit }) => ({
      trace_id: request.traceId,
      request_id: request.requestId,
      service: settings.service,
      state: request.state,
      since: request.since,
      age_ms: now - request.since,
      stuck_after_ms: limit,
      attempts: request.attempt ?? 0,
      last_error: request.lastError,
    }))
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
    for (const request of this.core.inFlight) request.note('SHUTDOWN')
    for (const sink of this.core.settings.sinks) this.core.settings.faults.guard(() => sink.flush?.())
  }

  #begin(extracted: Extracted, asked: Asked): TrackedRequest {
    const { settings } = this.core
    const fresh = extracted.traceId === undefined
    const origin: Origin = {
      // Not all that was passed: an attempt belongs to a request that is resumed, and this one is not.
      method: asked.method,
      path: asked.path,
      traceId: extracted.traceId ?? settings.newTraceId(),
      requestId: settings.newRequestId(),
      state: settings.table.initial,
      seq: 0,
      since: settings.now(),
      extracted: fresh ? { ...extracted, flags: settings.newTraceFlags } : extracted,
    }
    const request = new TrackedRequest(this.core, origin)
    request.begin(origin)
    return request
  }

  #limits(limits: StuckAfter | undefined): StuckLimits | undefined {
    if (limits === undefined) return undefined
    if (typeof limits !== 'object') return parseDuration(limits)
    const { table } = this.core.settings
    const entries = Object.entries(limits).map(([state, limit]): [string, number] => {
      if (table.state[state] === undefined) throw new ThroughlineError('THROUGHLINE_BAD_STATE', `the machine has no state "${state}"`)
      return [state, parseDuration(limit)]
    })
    return Object.fromEntries(entries)
  }
}
