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
  /** The `request_id` of the caller, with the number of its call in the last three digits, if known; on the first record. */
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
  /**
   * How many calls and child messages the request, or this attempt of it, has sent with trace headers, where not 0; on
   * the record of a final state and on that of a hand-off.
   */
  readonly calls?: number
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
 * A call that a request sent, once it has ended: one HTTP request (each hop of a redirect on its own), one rpc, or one
 * child message.
 */
export interface CallRecord {
  readonly lifecycle: 'call'
  /** When it was sent, in epoch milliseconds. */
  readonly time: number
  readonly service: string
  readonly trace_id: string
  /** The request that sent it. */
  readonly request_id: string
  /** The attempt that sent it, if the request was resumed. */
  readonly attempt?: number
  /** 1, 2 … within the request or the attempt. */
  readonly call: number
  /** The parent id that was sent: 16 hex digits, the request id with the number of the call. */
  readonly id: string
  /** The host with its port, the queue or topic, or the service of an rpc; at most 255 bytes. */
  readonly target: string
  /** The HTTP method, or `grpc`; absent for a message. */
  readonly method?: string
  /** The path without its query, or the name of the rpc; absent for a message. */
  readonly path?: string
  /** The HTTP or gRPC code of the answer, if there was one. */
  readonly status?: number
  /**
   * `ok`: it was answered, or the broker has the message. `error`: a status of 500 or more, an rpc status that reports
   * a failure of the server, or no answer. `aborted`: the caller stopped waiting.
   */
  readonly outcome: 'ok' | 'error' | 'aborted'
  /** Milliseconds until it ended: for HTTP with the head of the response, for an rpc with its status. */
  readonly duration_ms: number
  readonly error?: LoggedError
}

/**
 * A destination for records: a log, a store, a tracing back end.
 *
 * `write` is called synchronously, once per record, in the order of a request's `seq`. If it throws, the error is
 * counted, the first one is printed, and the request continues.
 */
export interface Sink {
  write(record: LifecycleRecord): void
  /** Called once for each call that a client with `propagate` has sent, when it has ended. */
  call?(record: CallRecord): void
  /**
   * Called before a request's handler runs, which may block the event loop or end the process. The records written so
   * far should be safe when this returns.
   */
  beforeHandler?(): void
  /** Writes buffered records out, synchronously if possible. */
  flush?(): void
}
