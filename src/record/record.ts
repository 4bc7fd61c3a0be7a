/** How a request ended: state says how far it came, outcome how that went. */
export type Outcome = 'ok' | 'error' | 'aborted' | 'denied'

/** An error as it is logged; `cut` where its message was too long for a line. */
export interface LoggedError {
  readonly type: string
  readonly message: string
  readonly cut?: true
}

interface BaseRecord {
  /** Epoch milliseconds. */
  readonly time: number
  readonly service: string
  readonly trace_id: string
  readonly request_id: string
  readonly state: string
  /** 1, 2 …: the delivery that this is; on every line of a resumed request. */
  readonly attempt?: number
  readonly error?: LoggedError
  /** What the application adds; nothing of it stands beside our own fields. */
  readonly data?: unknown
}

/** A request has entered `state`. */
export interface TransitionRecord extends BaseRecord {
  readonly lifecycle: 'transition'
  /** 0, 1, 2 … within a request, and on across the message hand-off. */
  readonly seq: number
  /** Absent, with `from`, on the first line. */
  readonly event?: string
  readonly from?: string
  /** Milliseconds spent in `from`. */
  readonly dwell_ms?: number
  /** The caller's request, where known; on the first line. */
  readonly parent_id?: string
  /** What was asked: verb, and route or rpc name without the query; on the first line. */
  readonly method?: string
  readonly path?: string
  /** An incoming id was malformed or doubled, and was not used; its length stands beside. */
  readonly rejected_id?: true
  readonly rejected_length?: number
  /** Made up to reach a state that the handler skipped. */
  readonly implied?: true
  /** The rest: on the line of a final state. */
  readonly outcome?: Outcome
  readonly status?: number
  readonly duration_ms?: number
}

/** Something happened that moved no request: a note, an event not accepted, a stay that is too long. */
export interface NoteRecord extends BaseRecord {
  readonly lifecycle: 'note' | 'rejected' | 'stuck'
  /** The signal; `state` is the one that it found. */
  readonly event: string
}

/** One thing told of a request: what a {@link Sink} receives, a log line holds and a reader gives back. */
export type LifecycleRecord = TransitionRecord | NoteRecord

/**
 * A place where records go. The log, a store and tracing back ends are all sinks; none is special.
 *
 * `write` is called synchronously, once for each record, in the order of a request's `seq`. What it throws is
 * counted and told once; the request goes on.
 */
export interface Sink {
  write(record: LifecycleRecord): void
  /**
   * Called before a request's handler runs, which may block the event loop or end the process: what the request has
   * told so far should be safe when this returns.
   */
  beforeHandler?(): void
  /** Hands what is buffered to the operating system, synchronously where that is possible. */
  flush?(): void
}
