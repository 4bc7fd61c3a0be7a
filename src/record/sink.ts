import type { LoggedError } from './field-types.ts'
import type { LifecycleRecord } from './record.ts'

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
