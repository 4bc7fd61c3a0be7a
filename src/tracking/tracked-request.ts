import { getState, type Edge, type StateInfo } from '../machine/table.ts'
import type { LoggedError } from '../record/field-types.ts'
import type { NoteRecord } from '../record/record.ts'
import { loggedError } from '../record/truncate.ts'
import { noteRecord, roundToMicroseconds, transitionRecord } from './build-records.ts'
import type { RequestInit, SignalFields } from './build-records.ts'
import { setDue } from './due-time.ts'
import { endByHand, finishDelivery, finishRequest, type ManualEnd, type RequestEnd } from './finish-request.ts'
import { handOffBy, type EnqueueOptions } from './hand-off.ts'
import { NO_ENTRY_OPTIONS, reportAuthenticated, reportProcessing, type EntryMode } from './handler-start.ts'
import { RequestSpan } from './request-span.ts'
import { dispatch, guardSignal, type HandOffStatus } from './signals.ts'
import { runWith } from './storage.ts'
import type { TrackerCore } from './tracker-core.ts'

/**
 * One request that is being processed: its ids, its state, and the signals that move it.
 *
 * No method throws into the request that it watches, except with `onInvalid: 'throw'`.
 *
 * @typeParam Principal the caller: what `authenticate` resolves to
 */
// Without `implements`: the published types have no internal members. What uses these names an interface of its own.
export class TrackedRequest<Principal = unknown> extends RequestSpan {
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
  readonly #started: number
  #seq: number
  #since: number
  #lastError: LoggedError | null

  /** @internal Requests are created by a tracker. */
  constructor(core: TrackerCore<TrackedRequest>, init: RequestInit) {
    super(init)
    const { elapsed, now } = core.settings
    this.core = core
    // Until the caller is known.
    this.principal = undefined as Principal
    this.previous = undefined
    this.next = undefined
    this.info = init.state
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

  override get state(): string {
    return this.info.name
  }

  override get seq(): number {
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
    return guardSignal(this, () => reportAuthenticated(this, this.entry))
  }

  /** Reports that the caller was refused, which ends the request. */
  failed(reason?: unknown): boolean {
    const error = typeof reason === 'string' ? { name: 'Denied', message: reason } : reason
    return guardSignal(this, () => dispatch(this, 'AUTH_ERROR', { outcome: 'denied', error }))
  }

  /**
   * Reports that the work has started; called by the handler with `processing: 'manual'`. Where it was implied already,
   * nothing changes.
   */
  processing(): boolean {
    return guardSignal(this, () => reportProcessing(this, this.entry))
  }

  /**
   * Reports that the answer was sent, which ends the request: steps that were skipped are implied. Adapters of hosts
   * that answer do so themselves.
   *
   * @param end by default `ok`; `error` with an error or a status of 500 and more
   */
  responded(end: ManualEnd = {}): boolean {
    return guardSignal(this, () => endByHand(this, end, 'RESPOND'))
  }

  /** Reports that the worker has finished; adapters of queues do so themselves. `end` as for {@link responded}. */
  completed(end: ManualEnd = {}): boolean {
    return guardSignal(this, () => endByHand(this, end, 'COMPLETE'))
  }

  /**
   * Sends a signal: a transition where the state accepts it, a note where the machine does not know it, else rejected.
   *
   * @param fields the application's own, logged under `data`
   * @returns whether the state changed
   * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION where it is rejected and `onInvalid` is `'throw'`
   */
  send(event: string, fields?: unknown): boolean {
    return guardSignal(this, () => dispatch(this, event, { data: fields }))
  }

  /** Logs a note on the current state, without changing it. `fields` are logged under `data`. */
  note(event: string, fields?: unknown): void {
    this.emitNote('note', event, { data: fields })
  }

  /**
   * Says how long the request is meant to last, from now: an event stream, a long poll, a large export. Until then it
   * is not stuck; a note `EXPECT` with the time is logged. A later call replaces the time.
   *
   * @param duration such as `'2h'`, or milliseconds, at most a hundred years; any other is counted as a fault
   * @example currentRequest()?.expect('2h')
   */
  expect(duration: string | number): void {
    const isSet = this.core.settings.errors.run(() => !this.ended && setDue<TrackedRequest>(this, duration))
    if (isSet === true) this.emitNote('note', 'EXPECT', { due: this.due })
  }

  /**
   * Runs a function in the context of this request: `currentRequest()` finds it there, through every await.
   *
   * With the default destination the request's lines are written before the function starts.
   */
  run<T>(fn: () => T): T {
    this.core.settings.errors.run(() => this.core.beforeHandler())
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

  /** @internal Ends the request with its response. A function decides how: an error of it is reported, too. */
  finish(end: RequestEnd | (() => RequestEnd)): void {
    this.core.settings.errors.run(() => finishRequest(this, typeof end === 'function' ? end() : end))
  }

  /** @internal Ends the request with its message, or notes that the message will come again. */
  finishDelivery(end: RequestEnd, willRetry: boolean): void {
    this.core.settings.errors.run(() => finishDelivery(this, end, willRetry))
  }

  /** @internal Logs a line that does not change the state. */
  emitNote(lifecycle: NoteRecord['lifecycle'], event: string, fields: SignalFields): void {
    const { core } = this
    const { settings } = core
    settings.errors.run(() => {
      // Not the error itself, which may hold much memory: the request may be kept for long.
      if (fields.error !== undefined) this.#lastError = loggedError(fields.error, settings.redaction?.error)
      if (core.hasListeners) core.emit(noteRecord(this, settings, lifecycle, event, fields, settings.now()))
    })
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

  #noteMovedOn(from: string, dwell: number): void {
    this.stuckReported = false
    this.note('MOVED_ON', { from, after_ms: roundToMicroseconds(dwell) })
  }
}
