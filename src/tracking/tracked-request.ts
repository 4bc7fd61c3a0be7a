import { ThroughlineError } from '../errors.ts'
import { route } from '../lifecycle/route.ts'
import { step, type Edge } from '../lifecycle/table.ts'
import { inject } from '../trace/carrier.ts'
import { loggedError } from '../transition/limits.ts'
import type { LoggedError, NoteRecord, Outcome } from '../transition/record.ts'
import { runWith } from './context.ts'
import { beginHandOff } from './hand-off.ts'
import { firstRecord, noteRecord, transitionRecord, type ManualEnd, type Origin, type SignalFields } from './records.ts'
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
  readonly #tracker: TrackerCore
  readonly #flags: number
  readonly #tracestate: string | undefined
  readonly #started: number
  #state: string
  #seq: number
  #since: number
  #entered: number
  #handed: 'no' | 'pending' | 'yes'
  #afterHandOff: (() => void) | undefined
  #lastError: unknown

  /** @internal Requests are made by a tracker. */
  constructor(tracker: TrackerCore, origin: Origin) {
    this.#tracker = tracker
    this.traceId = origin.traceId
    this.requestId = origin.requestId
    this.parentId = origin.extracted.parentId
    this.attempt = origin.attempt
    this.#flags = origin.extracted.flags
    this.#tracestate = origin.extracted.tracestate
    this.#state = origin.state
    this.#seq = origin.seq
    this.#since = origin.since
    this.#started = tracker.settings.elapsed()
    // The monotonic clock of another process says nothing here: what it waited is told by the wall clocks.
    this.#entered = this.#started - Math.max(0, tracker.settings.now() - origin.since)
    this.#handed = origin.attempt === undefined ? 'no' : 'yes'
  }

  get state(): string {
    return this.#state
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
    return this.#tracker.settings.table.state[this.#state]?.final === true
  }

  /** True once a message of this request is with the broker, or this is the worker's side of it. */
  get handedOver(): boolean {
    return this.#handed === 'yes'
  }

  /** Milliseconds since the request came in to this process. */
  get age(): number {
    return this.#tracker.settings.elapsed() - this.#started
  }

  /** The last error that a signal told of; null while there was none. */
  get lastError(): LoggedError | null {
    return this.#lastError === undefined ? null : loggedError(this.#lastError)
  }

  /** The caller is known; with `auth: 'manual'` the handler says so. */
  authenticated(principal?: unknown): boolean {
    if (principal !== undefined) this.principal = principal
    return this.signal('AUTH_OK', {})
  }

  /** The caller is refused: ends the request. */
  failed(reason?: unknown): boolean {
    const error = typeof reason === 'string' ? { name: 'Denied', message: reason } : reason
    return this.signal('AUTH_ERROR', { outcome: 'denied', error })
  }

  /** The work begins. */
  processing(): boolean {
    return this.signal('PROCESS', {})
  }

  /**
   * The answer is out; adapters of hosts that answer say so themselves.
   *
   * @param end how that went: by default `ok`, with an error or a status of 500 and more `error`
   */
  responded(end: ManualEnd = {}): boolean {
    return this.signal('RESPOND', { ...end, outcome: outcomeOf(end) })
  }

  /** The worker is done; adapters of queues say so themselves. `end` as for {@link responded}. */
  completed(end: ManualEnd = {}): boolean {
    return this.signal('COMPLETE', { ...end, outcome: outcomeOf(end) })
  }

  /**
   * Sends a signal: a transition where the state accepts it, a note where the machine does not know it, else rejected.
   *
   * @param fields the application's own, logged under `data`
   * @returns whether the request moved
   * @throws ThroughlineError THROUGHLINE_INVALID_TRANSITION where it is rejected and `onInvalid` is `'throw'`
   */
  send(event: string, fields?: unknown): boolean {
    return this.signal(event, { data: fields })
  }

  /** Logs a note on the current state, which it leaves as it is. `fields` are logged under `data`. */
  note(event: string, fields?: unknown): void {
    this.tell('note', event, { data: fields })
  }

  /** The headers that carry this trace onward, with this request as the parent. */
  headers(): Record<string, string> {
    return inject(this.#context())
  }

  /** Runs a function with this request in hand: `currentRequest()` finds it there, through every await. */
  run<T>(fn: () => T): T {
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
    const handOff = beginHandOff(this)
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
    return step(this.#tracker.settings.table, this.#state, event) !== undefined
  }

  /** @internal The same as `send`, for adapters: with an outcome, a status and an error. */
  signal(event: string, fields: SignalFields): boolean {
    const { table, throwInvalid } = this.#tracker.settings
    if (table.event[event] === undefined) {
      this.tell('note', event, fields)
      return false
    }
    const edge = this.#handed === 'pending' ? undefined : step(table, this.#state, event)
    if (edge === undefined) {
      this.tell('rejected', event, fields)
      if (throwInvalid) throw new ThroughlineError('THROUGHLINE_INVALID_TRANSITION', `${event} is not accepted in ${this.#state}`)
      return false
    }
    this.#take(edge, fields)
    return true
  }

  /**
   * @internal An adapter's own signal: a note where the state does not accept it. The host knows no `onInvalid`, and
   * an error thrown into it would take the place of the handler's, or end the process.
   */
  offer(event: string, fields: SignalFields): void {
    if (this.accepts(event)) this.signal(event, fields)
    else this.tell('note', event, fields)
  }

  /** @internal Sends a signal from whatever state, by way of implied steps; false where no way leads there. */
  reach(event: string, fields: SignalFields): boolean {
    const way = route(this.#tracker.settings.table, this.#state, event)
    if (way !== undefined) this.follow(way, fields)
    return way !== undefined
  }

  /** @internal Takes the steps of a way, the last with these fields and all before it implied. */
  follow(way: readonly Edge[], fields: SignalFields): void {
    for (const edge of way) this.#take(edge, edge === way.at(-1) ? fields : { implied: true })
  }

  /** @internal Logs something that moves no request. */
  tell(lifecycle: NoteRecord['lifecycle'], event: string, fields: SignalFields): void {
    const { now, service } = this.#tracker.settings
    this.#lastError = fields.error ?? this.#lastError
    this.#tracker.emit(noteRecord(this, service, lifecycle, event, fields, now()))
  }

  /** @internal Writes the first line. */
  begin(origin: Origin): void {
    this.#tracker.entered(this, undefined)
    this.#tracker.emit(firstRecord(this, this.#tracker.settings.service, origin))
  }

  /**
   * @internal Prepares the hand-off: implied steps up to the state that sends are taken, and the headers name the
   * state that the request is about to enter. Undefined where this request cannot be handed over (again).
   */
  prepareHandOff(): { headers: Record<string, string>; edge: Edge } | undefined {
    const way = this.#handed === 'no' && !this.ended ? route(this.#tracker.settings.table, this.#state, 'ENQUEUE') : undefined
    const edge = way?.at(-1)
    if (way === undefined || edge === undefined) return undefined
    for (const behind of way.slice(0, -1)) this.#take(behind, { implied: true })
    this.#handed = 'pending'
    const resumption = { requestId: this.requestId, state: edge.to, seq: this.#seq + 1, since: this.#tracker.settings.now() }
    return { headers: inject(this.#context(), resumption), edge }
  }

  /** @internal The broker has the message, or has refused it. What waited for that happens now. */
  settleHandOff(edge: Edge | undefined): void {
    this.#handed = edge === undefined ? 'no' : 'yes'
    if (edge !== undefined) {
      this.#take(edge, {})
      this.#tracker.left(this)
    }
    const waiting = this.#afterHandOff
    this.#afterHandOff = undefined
    waiting?.()
  }

  /** @internal Runs a part now or, while a message is being sent, as soon as that is decided: the first one given. */
  whenSettled(part: () => void): void {
    if (this.#handed !== 'pending') part()
    else this.#afterHandOff ??= part
  }

  /** @internal This process is not to move the request any more, though it has not ended. */
  release(): void {
    this.#tracker.left(this)
  }

  #take(edge: Edge, fields: SignalFields): void {
    const { settings } = this.#tracker
    const now = settings.now()
    const elapsed = settings.elapsed()
    const dwell = elapsed - this.#entered
    this.#state = edge.to
    this.#seq += 1
    this.#since = now
    this.#entered = elapsed
    this.#tracker.entered(this, edge)
    const times = { now, dwell, age: elapsed - this.#started }
    this.#tracker.emit(transitionRecord(this, settings.service, edge, fields, times))
  }

  #context(): Parameters<typeof inject>[0] {
    return { traceId: this.traceId, requestId: this.requestId, flags: this.#flags, tracestate: this.#tracestate }
  }
}

function outcomeOf({ outcome, status = 0, error }: ManualEnd): Outcome {
  return outcome ?? (error !== undefined || status >= 500 ? 'error' : 'ok')
}
