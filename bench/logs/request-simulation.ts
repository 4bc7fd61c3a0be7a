import { roundToMicroseconds } from '../../src/tracking/build-records.ts'
import type { LoggedError, Outcome } from '../../src/record/field-types.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../../src/record/record.ts'
import { nextKill, type Process } from './processes.ts'

/** A record that a process writes. */
export interface SimulatedRecord {
  readonly record: LifecycleRecord
  readonly process: Process
  /** The true time, without clock skew, which decides the order of the lines. */
  readonly at: number
}

export interface RequestIds {
  readonly traceId: string
  readonly requestId: string
  readonly parentId?: string | undefined
}

/** The optional fields of a transition. */
export interface TransitionFields {
  readonly implied?: true
  readonly outcome?: Outcome
  readonly status?: number
  readonly error?: LoggedError
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** One request and the records its processes write, until it ends, gets stuck or its process is killed. */
export class RequestSimulation {
  readonly ids: RequestIds
  readonly #emit: (record: SimulatedRecord) => void
  readonly #stuckIn: string | undefined
  #process: Process
  #killedAt: number
  #started: number
  #entered: number
  #attempt: number | undefined
  #seq = 0
  /** What its message carries: every delivery resumes from there. */
  #carrier = { seq: 0, since: 0 }
  /** State, time and service of the latest transition in the logs. */
  state = 'Received'
  since = 0
  service = ''

  /** @param stuckIn the state that it never leaves, or undefined */
  constructor(
    ids: RequestIds,
    process: Process,
    started: number,
    stuckIn: string | undefined,
    emit: (record: SimulatedRecord) => void,
  ) {
    this.ids = ids
    this.#emit = emit
    this.#stuckIn = stuckIn
    this.#process = process
    this.#killedAt = nextKill(process, started)
    this.#started = started
    this.#entered = started
  }

  get isStuck(): boolean {
    return this.state === this.#stuckIn
  }

  /** Whether the process that works on the request is alive at a time. */
  isAliveAt(at: number): boolean {
    return at < this.#killedAt
  }

  start(method: string, path: string): void {
    const record: Writable<TransitionRecord> = {
      lifecycle: 'transition',
      time: this.#clock(this.#started),
      service: this.#process.service,
      state: 'Received',
      trace_id: this.ids.traceId,
      request_id: this.ids.requestId,
      seq: 0,
      method,
      path,
    }
    if (this.ids.parentId !== undefined) record.parent_id = this.ids.parentId
    this.#enter(record, this.#started)
  }

  /** Takes a transition; returns false if the request is stuck or its process is killed before. */
  transition(
    event: string,
    to: string,
    at: number,
    { implied, outcome, status, error }: TransitionFields = {},
  ): boolean {
    if (this.isStuck || !this.isAliveAt(at)) return false
    // Across processes, only the wall clock measures the dwell time.
    const dwell = this.#attempt === undefined ? at - this.#entered : Math.max(0, this.#clock(at) - this.#carrier.since)
    const record: Writable<TransitionRecord> = {
      lifecycle: 'transition',
      time: this.#clock(at),
      service: this.#process.service,
      event,
      from: this.#attempt === undefined ? this.state : 'Queued',
      state: to,
      trace_id: this.ids.traceId,
      request_id: this.ids.requestId,
      seq: (this.#attempt === undefined ? this.#seq : this.#carrier.seq) + 1,
      dwell_ms: roundToMicroseconds(dwell),
    }
    if (implied !== undefined) record.implied = implied
    if (outcome !== undefined) {
      record.outcome = outcome
      record.duration_ms = this.ageAt(at)
    }
    if (status !== undefined) record.status = status
    if (this.#attempt !== undefined) record.attempt = this.#attempt
    if (error !== undefined) record.error = error
    this.#enter(record, at)
    return true
  }

  /** Writes a note; returns false if the process is killed before. */
  note(event: string, at: number, data?: object): boolean {
    if (!this.isAliveAt(at)) return false
    const record: Writable<NoteRecord> = {
      lifecycle: 'note',
      time: this.#clock(at),
      service: this.#process.service,
      event,
      state: this.#attempt === undefined ? this.state : 'Queued',
      trace_id: this.ids.traceId,
      request_id: this.ids.requestId,
    }
    if (this.#attempt !== undefined) record.attempt = this.#attempt
    if (data !== undefined) record.data = data
    this.#emit({ record, process: this.#process, at })
    return true
  }

  /** Milliseconds since its process received it. */
  ageAt(at: number): number {
    return roundToMicroseconds(at - this.#started)
  }

  /** A process receives the message that handed the request off; returns false if that process is killed before. */
  deliver(process: Process, at: number, attempt: number): boolean {
    if (this.#attempt === undefined) this.#carrier = { seq: this.#seq, since: this.since }
    this.#process = process
    this.#killedAt = nextKill(process, at)
    this.#started = at
    this.#attempt = attempt
    return this.note('ATTEMPT', at)
  }

  #clock(at: number): number {
    return Math.floor(at) + this.#process.skewMs
  }

  #enter(record: TransitionRecord, at: number): void {
    this.#emit({ record, process: this.#process, at })
    // A second delivery writes lines but does not change the request's state.
    if (this.#attempt !== undefined && this.#attempt > 1) return
    this.#entered = at
    this.#seq = record.seq
    this.state = record.state
    this.since = record.time
    this.service = record.service
  }
}
