import { roundToMicroseconds } from '../../src/tracking/build-records.ts'
import type { LifecycleRecord, LoggedError, NoteRecord, Outcome, TransitionRecord } from '../../src/record/record.ts'
import { deathAfter, type Process } from './processes.ts'

/** A record, and the process that writes it; `at` is the true time, by which lines stand in a file. */
export interface Told {
  readonly record: LifecycleRecord
  readonly process: Process
  readonly at: number
}

export interface Identity {
  readonly traceId: string
  readonly requestId: string
  readonly parentId?: string | undefined
}

/** What a step tells beside its name. */
export interface StepFields {
  readonly implied?: true
  readonly outcome?: Outcome
  readonly status?: number
  readonly error?: LoggedError
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** One request as its processes tell it, until it hangs or the process at work on it is killed. */
export class Life {
  readonly identity: Identity
  readonly #tell: (told: Told) => void
  readonly #hangsIn: string | undefined
  #process: Process
  #death: number
  #begun: number
  #entered: number
  #attempt: number | undefined
  #seq = 0
  /** What its message carries: every delivery goes on from there. */
  #carried = { seq: 0, since: 0 }
  /** Where it stands, as the logs tell it. */
  state = 'Received'
  since = 0
  service = ''

  /** @param hangsIn the state that it never leaves, or undefined */
  constructor(identity: Identity, process: Process, begun: number, hangsIn: string | undefined, tell: (told: Told) => void) {
    this.identity = identity
    this.#tell = tell
    this.#hangsIn = hangsIn
    this.#process = process
    this.#death = deathAfter(process, begun)
    this.#begun = begun
    this.#entered = begun
  }

  /** Whether it has come to where it hangs. */
  get hangs(): boolean {
    return this.state === this.#hangsIn
  }

  /** Whether the process that has it in hand still lives at a moment. */
  livesAt(at: number): boolean {
    return at < this.#death
  }

  begin(method: string, path: string): void {
    const record: Writable<TransitionRecord> = {
      lifecycle: 'transition',
      time: this.#clock(this.#begun),
      service: this.#process.service,
      state: 'Received',
      trace_id: this.identity.traceId,
      request_id: this.identity.requestId,
      seq: 0,
      method,
      path,
    }
    if (this.identity.parentId !== undefined) record.parent_id = this.identity.parentId
    this.#enter(record, this.#begun)
  }

  /** Takes a step; false where it hangs before it or its process does not live that long. */
  step(event: string, to: string, at: number, { implied, outcome, status, error }: StepFields = {}): boolean {
    if (this.hangs || at >= this.#death) return false
    // Between two processes there is no clock but that of the wall.
    const dwell = this.#attempt === undefined ? at - this.#entered : Math.max(0, this.#clock(at) - this.#carried.since)
    const record: Writable<TransitionRecord> = {
      lifecycle: 'transition',
      time: this.#clock(at),
      service: this.#process.service,
      event,
      from: this.#attempt === undefined ? this.state : 'Queued',
      state: to,
      trace_id: this.identity.traceId,
      request_id: this.identity.requestId,
      seq: (this.#attempt === undefined ? this.#seq : this.#carried.seq) + 1,
      dwell_ms: roundToMicroseconds(dwell),
    }
    if (implied !== undefined) record.implied = implied
    if (outcome !== undefined) {
      record.outcome = outcome
      record.duration_ms = roundToMicroseconds(at - this.#begun)
    }
    if (status !== undefined) record.status = status
    if (this.#attempt !== undefined) record.attempt = this.#attempt
    if (error !== undefined) record.error = error
    this.#enter(record, at)
    return true
  }

  /** Notes something; false where its process does not live that long. */
  note(event: string, at: number, data?: object): boolean {
    if (at >= this.#death) return false
    const record: Writable<NoteRecord> = {
      lifecycle: 'note',
      time: this.#clock(at),
      service: this.#process.service,
      event,
      state: this.#attempt === undefined ? this.state : 'Queued',
      trace_id: this.identity.traceId,
      request_id: this.identity.requestId,
    }
    if (this.#attempt !== undefined) record.attempt = this.#attempt
    if (data !== undefined) record.data = data
    this.#tell({ record, process: this.#process, at })
    return true
  }

  /** How long its process has had it by then, in milliseconds. */
  ageAt(at: number): number {
    return roundToMicroseconds(at - this.#begun)
  }

  /** A process has got the message that handed it over. */
  deliver(process: Process, at: number, attempt: number): boolean {
    if (this.#attempt === undefined) this.#carried = { seq: this.#seq, since: this.since }
    this.#process = process
    this.#death = deathAfter(process, at)
    this.#begun = at
    this.#attempt = attempt
    return this.note('ATTEMPT', at)
  }

  #clock(at: number): number {
    return Math.floor(at) + this.#process.ahead
  }

  #enter(record: TransitionRecord, at: number): void {
    this.#tell({ record, process: this.#process, at })
    // What a second delivery does is told, and changes nothing.
    if (this.#attempt !== undefined && this.#attempt > 1) return
    this.#entered = at
    this.#seq = record.seq
    this.state = record.state
    this.since = record.time
    this.service = record.service
  }
}
