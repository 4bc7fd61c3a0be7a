/** How a request ended. The state says how far it got, the outcome how it went. */
export type Outcome = 'ok' | 'error' | 'aborted' | 'denied'

/** An error as it is logged. */
export interface LoggedError {
  readonly type: string
  readonly message: string
  /** The message was truncated. */
  readonly cut?: true
}

interface BaseRecord {
  /** Epoch milliseconds. */
  readonly time: number
  readonly service: string
  readonly trace_id: string
  readonly request_id: string
  readonly state: string
  /** The number of the delivery: 1, 2 … Every record of a resumed request has it. */
  readonly attempt?: number
  /** Epoch milliseconds before which the request is meant to stay in `state`: it is neither stuck nor undelivered. */
  readonly due?: number
  readonly error?: LoggedError
  /** What the application adds: none of it is written at the top level of a line. */
  readonly data?: unknown
}

/** A request has entered `state`. */
export interface TransitionRecord extends BaseRecord {
  readonly lifecycle: 'transition'
  /** 0, 1, 2 … within a request; continues across a hand-off. */
  readonly seq: number
  /** Absent, like `from`, on the first record of a request. */
  readonly event?: string
  readonly from?: string
  /** Milliseconds spent in `from`. */
  readonly dwell_ms?: number
  /** The `request_id` of the caller, if known; on the first record. */
  readonly parent_id?: string
  /** The HTTP method, or the kind of the call; on the first record. */
  readonly method?: string
  /** The path without its query, the name of the rpc or the queue; on the first record. */
  readonly path?: string
  /** A trace header was malformed or sent twice, and was ignored; on the first record. */
  readonly rejected_id?: true
  /** The length of that header in characters. */
  readonly rejected_length?: number
  /** The handler did not report this step; it was added to reach a later state. */
  readonly implied?: true
  /** Present, like `duration_ms`, on the record of a final state. */
  readonly outcome?: Outcome
  /** The HTTP or gRPC status code, if there is one; on the record of a final state. */
  readonly status?: number
  /** Milliseconds since this process received the request. */
  readonly duration_ms?: number
}

/** Something that did not move the request: a note, a rejected event, or a state that takes too long. */
export interface NoteRecord extends BaseRecord {
  readonly lifecycle: 'note' | 'rejected' | 'stuck'
  /** The signal; `state` is the current state. */
  readonly event: string
}

/** What a {@link Sink} receives, a log line holds and a reader returns. */
export type LifecycleRecord = TransitionRecord | NoteRecord

/**
 * A destination for records: a log, a store, a tracing back end.
 *
 * `write` is called synchronously, once per record, in the order of a request's `seq`. If it throws, the error is
 * counted, the first one is printed, and the request continues.
 */
export interface Sink {
  write(record: LifecycleRecord): void
  /**
   * Called before a request's handler runs, which may block the event loop or end the process. The records written so
   * far should be safe when this returns.
   */
  beforeHandler?(): void
  /** Writes buffered records out, synchronously if possible. */
  flush?(): void
}
