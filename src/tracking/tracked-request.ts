import { ThroughlineError } from '../errors.ts'
import { pathToEvent } from '../machine/shortest-path.ts'
import { getState, step, type Edge, type StateInfo } from '../machine/table.ts'
import { inject } from '../trace/carrier.ts'
import { loggedError } from '../record/truncate.ts'
import type { LoggedError, NoteRecord } from '../record/record.ts'
import { runWith } from './current-request.ts'
import { startHandOff } from './hand-off.ts'
import {
  firstRecord,
  IMPLIED,
  roundToMicroseconds,
  NO_FIELDS,
  noteRecord,
  transitionRecord,
  type ManualEnd,
  type RequestInit,
  type SignalFields,
} from './build-records.ts'
import type { TrackerCore } from './tracker-core.ts'

/**
 * One request under way: its ids, its state, and the signals that move it.
 *
 * Nothing here throws into the request that it watches, but for `onInvalid: 'throw'`.
 */
export class TrackedRequest {
  readonly traceId: string
  readonly requestId: string
  readonly parentId: string | undefined
  /** The delivery that this is, on a resumed request: 1, 2 … */
  readonly attempt: number | undefined
  /** What `authenticate` resolved to. */
  principal: unknown
  /** @internal When whoever asked stops waiting, by the clock that durations are measured by; undefined where nothing is known of that. */
  readonly deadline: number | undefined
  /** @internal Neighbours in the list of requests in flight. */
  previous: TrackedRequest | undefined
  /** @internal */
  next: TrackedRequest | undefined
  readonly #tracker: TrackerCore
  readonly #flags: number
  readonly #tracestate: string | undefined
  readonly #started: number
  #info: StateInfo
  #seq: number
  #since: number
  #entered: number
  #handOff: 'no' | 'pending' | 'yes'
  #afterHandOff: (() => void) | undefined
  #lastError: LoggedError | null
  /** A `stuck` line tells of its stay in this state. */
  #stuckReported: boolean

  /** @internal Requests are made by a tracker. */
  constructor(tracker: TrackerCore, origin: RequestInit) {
    const { elapsed, now } = tracker.settings
    this.#tracker = tracker
    this.traceId = origin.traceId
    this.requestId = origin.requestId
    this.parentId = origin.extracted.parentId
    this.attempt = origin.attempt
    this.principal = undefined
    this.previous = undefined
    this.next = undefined
    this.#flags = origin.extracted.flags
    this.#tracestate = origin.extracted.tracestate
    this.#info = origin.state
    this.#seq = origin.seq
    this.#since = origin.since
    this.#started = elapsed()
    // The monotonic clock of another process says nothing here: what it waited is told by the wall clocks.
    this.#entered = origin.attempt === undefined ? this.#started : this.#started - Math.max(0, now() - origin.since)
    this.deadline = origin.timeoutMs === undefined ? undefined : this.#started + origin.timeoutMs
    this.#handOff = origin.attempt === undefined ? 'no' : 'yes'
    this.#lastError = null
    this.#stuckReported = false
  }

  get state(): string {
    return this.#info.name
  }

  get seq(): number {
    return this.#seq
  }

  /** When the state was entered, in epoch milliseconds. */
  get since(): number {
    return this.#since
  }

  /** True in a final state: nothing will move the request any more. */
  get ended(): boolean {
    return this.#info.final
  }

  /** @internal */
  get info(): StateInfo {
    return this.#info
  }

  /** @internal When the state was entered, by the clock that durations are measured by. */
  get entered(): number {
    return this.#entered
  }

  /** True once a message of this request is with the broker, or this is the worker's side of it. */
  get handedOver(): boolean {
    return this.#handOff === 'yes'
  }

  /** Milliseconds since the request came in to this process. */
  get age(): number {
    return this.#tracker.settings.elapsed() - this.#started
  }

  /** The last error that a signal told of; null while there was none. */
  get lastError(): LoggedError | null {
    return this.#lastError
  }

  /** The caller is known; with `auth: 'manual'` the handler says so. */
  authenticated(principal?: unknown): boolean {
    if (principal !== undefined) this.principal = principal
    return this.dispatch('AUTH_OK', NO_FIELDS)
  }

  /** The caller is refused: ends the request. */
  failed(reason?: unknown): boolean {
    const error = typeof reason === 'string' ? { name: 'Denied', message: reason } : reason
    return this.dispatch('AUTH_ERROR', { outcome: 'denied', error })
  }

  /** The work begins. */
  processing(): boolean {
    return this.dispatch('PROCESS', NO_FIELDS)
  }

  /**
   * The answer is out; adapters of hosts that answer say so themselves.
   *
   * @param end how that went: by default `ok`, with an error or a status of 500 and more `error`
   */
  responded(end: ManualEnd = {}): boolean {
    return this.dispatch('RESPOND', endOf(end))
  }

  /** The worker is done; adapters of queues say so themselves. `end` as for {@link responded}. */
  completed(end: ManualEnd = {}): boolean {
    return this.dispatch('COMPLETE', endOf(end))
  }

  /**
   * Sends a signal: a transition where the state accepts it, a note where the machine does not know it, else rejected.
   *
   * @param fields the application's own, logged under `data`
   * @returns whether the request moved
   * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION where it is rejected and `onInvalid` is `'throw'`
   */
  send(event: string, fields?: unknown): boolean {
    return this.dispatch(event, { data: fields })
  }

  /** Logs a note on the current state, which it leaves as it is. `fields` are logged under `data`. */
  note(event: string, fields?: unknown): void {
    this.emitNote('note', event, { data: fields })
  }

  /** The headers that carry this trace onward, with this request as the parent. */
  headers(): Record<string, string> {
    return inject(this.#context())
  }

  /**
   * Runs a function with this request in hand: `currentRequest()` finds it there, through every await.
   *
   * With the default destination the request's lines are out before the function begins.
   */
  run<T>(fn: () => T): T {
    this.#tracker.beforeHandler()
    return runWith(this, fn)
  }

  /**
   * Hands the request over to a queue: sends first and then logs Queued, so Queued means that the broker has it.
   *
   * What `send` throws is passed on, and the request stays where it is. The first message hands over; later
   * ones, and those of a request that has ended, carry it as their parent.
   *
   * @example await request.enqueue((headers) => queue.send(order, { headers }))
   */
  async enqueue<T>(send: (headers: Record<string, string>) => T): Promise<Awaited<T>> {
    const handOff = startHandOff(this)
    try {
      const sent = await send(handOff.headers)
      handOff.sent()
      return sent
    } catch (error) {
      handOff.failed(error)
      throw error
    }
  }

  /** @internal Whether the state accepts an event. */
  accepts(event: string): boolean {
    return this.#edgeOn(event) !== undefined
  }

  /** @internal The same as `send`, for adapters: with an outcome, a status and an error. */
  dispatch(event: string, fields: SignalFields): boolean {
    const { table, throwInvalid } = this.#tracker.settings
    if (table.event[event] === undefined) {
      this.emitNote('note', event, fields)
      return false
    }
    const edge = this.#handOff === 'pending' ? undefined : this.#edgeOn(event)
    if (edge === undefined) {
      this.#tracker.onRejected()
      this.emitNote('rejected', event, fields)
      if (throwInvalid)
        throw new ThroughlineError('THROUGHLINE_INVALID_TRANSITION', `${event} is not accepted in ${this.#info.name}`)
      return false
    }
    this.#transition(edge, fields)
    return true
  }

  /**
   * @internal An adapter's own signal: a note where the state does not accept it. The host knows no `onInvalid`, and
   * an error thrown into it would take the place of the handler's, or end the process.
   */
  dispatchOrNote(event: string, fields: SignalFields): void {
    if (this.accepts(event)) this.dispatch(event, fields)
    else this.emitNote('note', event, fields)
  }

  /** @internal A step that is made up and takes no time, at the moment of the last one; none where the state does not accept it. */
  dispatchImplied(event: string): void {
    const edge = this.#edgeOn(event)
    if (edge !== undefined) this.#step(edge, IMPLIED, this.#since, this.#entered)
  }

  /** @internal Sends a signal from whatever state, by way of implied steps; false where no way leads there. */
  dispatchByPath(event: string, fields: SignalFields): boolean {
    const way = pathToEvent(this.#tracker.settings.table, this.#info.name, event)
    if (way !== undefined) this.takeSteps(way, fields)
    return way !== undefined
  }

  /** @internal Takes the steps of a way, the last with these fields and all before it implied. */
  takeSteps(way: readonly Edge[], fields: SignalFields): void {
    const { now, elapsed } = this.#tracker.settings
    const [moment, tick] = [now(), elapsed()]
    let stepsLeft = way.length
    for (const edge of way) this.#step(edge, --stepsLeft === 0 ? fields : IMPLIED, moment, tick)
  }

  /** @internal Logs something that moves no request. */
  emitNote(lifecycle: NoteRecord['lifecycle'], event: string, fields: SignalFields): void {
    const { now, service } = this.#tracker.settings
    // Not the error itself, which may hold much: the request may be remembered for long.
    if (fields.error !== undefined) this.#lastError = loggedError(fields.error)
    if (this.#tracker.hasListeners) this.#tracker.emit(noteRecord(this, service, lifecycle, event, fields, now()))
  }

  /** @internal Writes the first line. */
  emitFirst(origin: RequestInit): void {
    this.#tracker.onStarted(this)
    if (this.#tracker.hasListeners) this.#tracker.emit(firstRecord(this, this.#tracker.settings.service, origin))
  }

  /**
   * @internal Prepares the hand-off: implied steps up to the state that sends are taken, and the headers name the
   * state that the request is about to enter. Undefined where this request cannot be handed over (again).
   */
  prepareHandOff(): { headers: Record<string, string>; edge: Edge } | undefined {
    const way =
      this.#handOff === 'no' && !this.ended
        ? pathToEvent(this.#tracker.settings.table, this.#info.name, 'ENQUEUE')
        : undefined
    const edge = way?.at(-1)
    if (way === undefined || edge === undefined) return undefined
    this.takeSteps(way.slice(0, -1), IMPLIED)
    this.#handOff = 'pending'
    const resumption = {
      requestId: this.requestId,
      state: edge.to,
      seq: this.#seq + 1,
      since: this.#tracker.settings.now(),
    }
    return { headers: inject(this.#context(), resumption), edge }
  }

  /** @internal The broker has the message, or has refused it. What waited for that happens now. */
  settleHandOff(edge: Edge | undefined): void {
    this.#handOff = edge === undefined ? 'no' : 'yes'
    if (edge !== undefined) {
      this.#transition(edge, NO_FIELDS)
      this.#tracker.onReleased(this)
    }
    const waiting = this.#afterHandOff
    this.#afterHandOff = undefined
    waiting?.()
  }

  /** @internal Runs a part now or, while a message is being sent, as soon as that is decided: the first one given. */
  whenSettled(part: () => void): void {
    if (this.#handOff !== 'pending') part()
    else this.#afterHandOff ??= part
  }

  /** @internal This process is not to move the request any more, though it has not ended. */
  release(): void {
    this.#tracker.onReleased(this)
    if (this.#stuckReported) this.#noteMovedOn(this.state, this.#tracker.settings.elapsed() - this.#entered)
  }

  /** @internal Logs that it has been in its state for too long: once, however many watch. */
  reportStuck(data: { readonly age_ms: number; readonly stuck_after_ms: number }): void {
    if (this.#stuckReported) return
    this.#stuckReported = true
    this.emitNote('stuck', 'STUCK', { data })
  }

  #edgeOn(event: string): Edge | undefined {
    return step(this.#tracker.settings.table, this.#info.name, event)
  }

  #transition(edge: Edge, fields: SignalFields): void {
    const { now, elapsed } = this.#tracker.settings
    this.#step(edge, fields, now(), elapsed())
  }

  /** Takes a step at a moment, in epoch milliseconds and by the clock that durations are measured by. */
  #step(edge: Edge, fields: SignalFields, moment: number, tick: number): void {
    const { table, service } = this.#tracker.settings
    const from = this.#info
    const dwell = tick - this.#entered
    this.#info = getState(table, edge.to)
    this.#seq += 1
    this.#since = moment
    this.#entered = tick
    this.#tracker.onTransition(this, from)
    if (this.#tracker.hasListeners)
      this.#tracker.emit(transitionRecord(this, service, edge, fields, dwell, tick - this.#started))
    if (this.#stuckReported) this.#noteMovedOn(from.name, dwell)
  }

  #noteMovedOn(from: string, dwell: number): void {
    this.#stuckReported = false
    this.note('MOVED_ON', { from, after_ms: roundToMicroseconds(dwell) })
  }

  #context(): Parameters<typeof inject>[0] {
    return { traceId: this.traceId, requestId: this.requestId, flags: this.#flags, tracestate: this.#tracestate }
  }
}

function endOf({ outcome, status, error }: ManualEnd): SignalFields {
  const failed = error !== undefined || (status ?? 0) >= 500
  return { outcome: outcome ?? (failed ? 'error' : 'ok'), status, error, implied: undefined, data: undefined }
}
