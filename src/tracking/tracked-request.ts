import { parseDuration } from '../machine/duration.ts'
import { getState, type Edge, type StateInfo } from '../machine/table.ts'
import type { LoggedError } from '../record/field-types.ts'
import type { NoteRecord } from '../record/record.ts'
import { loggedError } from '../record/truncate.ts'
import { callId } from '../trace/call-id.ts'
import { inject, type TraceContext } from '../trace/carrier.ts'
import { noteRecord, roundToMicroseconds, transitionRecord } from './build-records.ts'
import type { RequestInit, SignalFields } from './build-records.ts'
import { endByHand, finishDelivery, finishRequest } from './finish-request.ts'
import type { ManualEnd, RequestEnd } from './finish-request.ts'
import { handOffBy, type EnqueueOptions } from './hand-off.ts'
import { NO_ENTRY_OPTIONS, reportAuthenticated, reportProcessing, type EntryMode } from './handler-start.ts'
import { dispatch, type HandOffStatus } from './signals.ts'
import { runWith } from './storage.ts'
import type { TrackerCore } from './tracker-core.ts'

/** A hundred years: a request that lasts for longer has no due time. */
const MAX_EXPECTED_MS = 100 * 365 * 86_400_000

/**
 * One request that is being processed: its ids, its state, and the signals that move it.
 *
 * No method throws into the request that it watches, except with `onInvalid: 'throw'`.
 *
 * @typeParam Principal the caller: what `authenticate` resolves to
 */
// Without `implements`: the published types have no internal members. What uses these names an interface of its own.
export class TrackedRequest<Principal = unknown> {
  readonly traceId: string
  readonly requestId: string
  readonly parentId: string | undefined
  /** The number of this delivery, 1, 2 …, on a resumed request. */
  readonly attempt: number | undefined
  /** The value that `authenticate` resolved to; undefined before that. */
  principal: Principal
  /** @internal When the caller stops waiting, by the monotonic clock; undefined where that is not known. */
  readonly deadline: number | undefined
  /** @internal */
  readonly core: TrackerCore<TrackedRequest>
  /** @internal */
  info: StateInfo
  /** @internal When the state was entered, by the monotonic clock. */
  entered: number
  /** Epoch milliseconds until which the request is meant to last; undefined if nobody said so. */
  due: number | undefined
  /** @internal The same by the monotonic clock. */
  dueTick: number | undefined
  /** @internal */
  entry: EntryMode
  /** @internal Whether a `stuck` line was written for this visit of the state. */
  stuckReported: boolean
  /** @internal */
  handOffStatus: HandOffStatus
  /** @internal */
  onHandOffSettled: (() => void) | undefined
  /** @internal Neighbours in the list of requests in flight. */
  previous: TrackedRequest | undefined
  /** @internal */
  next: TrackedRequest | undefined
  readonly #flags: number
  readonly #tracestate: string | undefined
  readonly #started: number
  #calls: number
  #seq: number
  #since: number
  #lastError: LoggedError | null

  /** @internal Requests are created by a tracker. */
  constructor(core: TrackerCore<TrackedRequest>, init: RequestInit) {
    const { elapsed, now } = core.settings
    this.core = core
    this.traceId = init.traceId
    this.requestId = init.requestId
    this.parentId = init.extracted.parentId
    this.attempt = init.attempt
    // Until the caller is known.
    this.principal = undefined as Principal
    this.previous = undefined
    this.next = undefined
    this.#flags = init.extracted.flags
    this.#tracestate = init.extracted.tracestate
    this.info = init.state
    this.#calls = 0
    this.#seq = init.seq
    this.#since = init.since
    this.#started = elapsed()
    // Another process's monotonic clock means nothing here: the time in the queue comes from the wall clocks.
    this.entered = init.attempt === undefined ? this.#started : this.#started - Math.max(0, now() - init.since)
    this.deadline = init.timeoutMs === undefined ? undefined : this.#started + init.timeoutMs
    this.handOffStatus = init.attempt === undefined ? undefined : 'sent'
    this.onHandOffSettled = undefined
    this.#lastError = null
    this.stuckReported = false
    this.entry = NO_ENTRY_OPTIONS
    this.due = undefined
    this.dueTick = undefined
  }

  get state(): string {
    return this.info.name
  }

  get seq(): number {
    return this.#seq
  }

  /** When the state was entered, in epoch milliseconds. */
  get since(): number {
    return this.#since
  }

  /** True in a final state. */
  get ended(): boolean {
    return this.info.final
  }

  /** How many calls and child messages this request, or this attempt of it, has sent with its headers. */
  get calls(): number {
    return this.#calls
  }

  /** The place of the request in its trace, for what is no call: a comment in SQL, the message of its hand-off. */
  get context(): TraceContext {
    return this.#contextWith(this.requestId)
  }

  /** True once the broker has a message that hands this request off, and always on the worker's side. */
  get handedOver(): boolean {
    return this.handOffStatus === 'sent'
  }

  /** Milliseconds since the request came in to this process. */
  get age(): number {
    return this.core.settings.elapsed() - this.#started
  }

  /** The error of the last signal that carried one, or null. */
  get lastError(): LoggedError | null {
    return this.#lastError
  }

  /**
   * Reports that the caller is known; called by the handler with `auth: 'manual'`. In a handler PROCESS follows, implied,
   * unless `processing` is `'manual'` too.
   */
  authenticated(principal?: Principal): boolean {
    if (principal !== undefined) this.principal = principal
    return reportAuthenticated(this, this.entry)
  }

  /** Reports that the caller was refused, which ends the request. */
  failed(reason?: unknown): boolean {
    const error = typeof reason === 'string' ? { name: 'Denied', message: reason } : reason
    return dispatch(this, 'AUTH_ERROR', { outcome: 'denied', error })
  }

  /**
   * Reports that the work has started; called by the handler with `processing: 'manual'`. Where it was implied already,
   * nothing changes.
   */
  processing(): boolean {
    return reportProcessing(this, this.entry)
  }

  /**
   * Reports that the answer was sent, which ends the request: steps that were skipped are implied. Adapters of hosts
   * that answer do so themselves.
   *
   * @param end by default `ok`; `error` with an error or a status of 500 and more
   */
  responded(end: ManualEnd = {}): boolean {
    return endByHand(this, end, 'RESPOND')
  }

  /** Reports that the worker has finished; adapters of queues do so themselves. `end` as for {@link responded}. */
  completed(end: ManualEnd = {}): boolean {
    return endByHand(this, end, 'COMPLETE')
  }

  /**
   * Sends a signal: a transition where the state accepts it, a note where the machine does not know it, else rejected.
   *
   * @param fields the application's own, logged under `data`
   * @returns whether the state changed
   * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION where it is rejected and `onInvalid` is `'throw'`
   */
  send(event: string, fields?: unknown): boolean {
    return dispatch(this, event, { data: fields })
  }

  /** Logs a note on the current state, without changing it. `fields` are logged under `data`. */
  note(event: string, fields?: unknown): void {
    this.emitNote('note', event, { data: fields })
  }

  /**
   * Says how long the request is meant to last, from now: an event stream, a long poll, a large export. Until then it
   * is not stuck; a note `EXPECT` with the time is logged. A later call replaces the time.
   *
   * @param duration such as `'2h'`, or milliseconds; one that is neither is counted as a fault
   * @example currentRequest()?.expect('2h')
   */
  expect(duration: string | number): void {
    if (this.ended || !this.setDue(duration)) return
    this.emitNote('note', 'EXPECT', { due: this.due })
  }

  /** @internal Returns false for what is no duration. */
  setDue(duration: string | number): boolean {
    const { errors, now, elapsed } = this.core.settings
    const ms = errors.run(() => parseDuration(duration))
    if (ms === undefined || ms > MAX_EXPECTED_MS) return false
    this.due = Math.round(now() + ms)
    this.dueTick = elapsed() + ms
    this.core.inFlight.onDue(this)
    return true
  }

  /**
   * The headers of one call: they propagate this trace, and their parent is this request with the number of the call in
   * the last three digits of its id. Call it once for each call, since each takes the next number.
   *
   * An id that does not end in `000` (from your `newRequestId`) is sent as it is.
   *
   * @example await fetch(url, { headers: request.headers() })
   */
  headers(): Record<string, string> {
    this.#calls += 1
    return inject(this.#contextWith(callId(this.requestId, this.attempt, this.#calls)))
  }

  /**
   * Runs a function in the context of this request: `currentRequest()` finds it there, through every await.
   *
   * With the default destination the request's lines are written before the function starts.
   */
  run<T>(fn: () => T): T {
    this.core.beforeHandler()
    return runWith(this, fn)
  }

  /**
   * Hands the request off to a queue: sends first and then logs Queued, so Queued means that the broker has it.
   *
   * An error of `send` is passed on, and the request stays in its state. The first message hands the request off; later
   * ones, and those of a request that has ended, carry it as their parent.
   *
   * @param options `due`: when a delayed message is to be delivered, in epoch milliseconds; it is not stuck before
   * @example await request.enqueue((headers) => queue.send(order, { headers }))
   */
  enqueue<T>(send: (headers: Record<string, string>) => T, options: EnqueueOptions = {}): Promise<Awaited<T>> {
    return handOffBy(this, send, options)
  }

  /** What JSON and the console show of a request: its ids and where it is. */
  toJSON(): Record<string, unknown> {
    const { traceId, requestId, parentId, attempt, state, seq } = this
    return { traceId, requestId, parentId, attempt, state, seq }
  }

  /** @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON()
  }

  /** @internal Ends the request with its response. */
  finish(end: RequestEnd): void {
    finishRequest(this, end)
  }

  /** @internal Ends the request with its message, or notes that the message will come again. */
  finishDelivery(end: RequestEnd, willRetry: boolean): void {
    finishDelivery(this, end, willRetry)
  }

  /** @internal Logs a line that does not change the state. */
  emitNote(lifecycle: NoteRecord['lifecycle'], event: string, fields: SignalFields): void {
    const { settings } = this.core
    // Not the error itself, which may hold much memory: the request may be kept for long.
    if (fields.error !== undefined) this.#lastError = loggedError(fields.error, settings.redaction?.error)
    if (this.core.hasListeners) this.core.emit(noteRecord(this, settings, lifecycle, event, fields, settings.now()))
  }

  /** @internal This process is no longer responsible for the request, which has not ended. */
  release(): void {
    this.core.onReleased(this)
    if (this.stuckReported) this.#noteMovedOn(this.state, this.core.settings.elapsed() - this.entered)
  }

  /** @internal Takes a step at a time given in epoch milliseconds and by the monotonic clock. */
  takeStep(edge: Edge, fields: SignalFields, time: number, tick: number): void {
    const { settings } = this.core
    const from = this.info
    const dwell = tick - this.entered
    this.info = getState(settings.table, edge.to)
    this.#seq += 1
    this.#since = time
    this.entered = tick
    this.core.onTransition(this, from)
    if (this.core.hasListeners)
      this.core.emit(transitionRecord(this, settings, edge, fields, dwell, tick - this.#started))
    if (this.stuckReported) this.#noteMovedOn(from.name, dwell)
  }

  #contextWith(requestId: string): TraceContext {
    return { traceId: this.traceId, requestId, flags: this.#flags, tracestate: this.#tracestate }
  }

  #noteMovedOn(from: string, dwell: number): void {
    this.stuckReported = false
    this.note('MOVED_ON', { from, after_ms: roundToMicroseconds(dwell) })
  }
}
