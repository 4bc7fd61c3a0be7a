import type { FieldTable, LoggedError, Outcome } from './field-types.ts'

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

/** What a sink receives, a log line holds and a reader returns. */
export type LifecycleRecord = TransitionRecord | NoteRecord

/** The longest name of a service, an event, a method or the type of an error, in bytes. */
export const NAME_BYTES = 64

/**
 * The fields of a line, in the order in which they are written: a row for each member of the records above.
 *
 * The reader, the scanner, the audit and the limits are derived from this table, and `npm run generate` derives the
 * writers in write-fields.ts. Where another format needs the fields written out, a test compares that place with the
 * table and names the fields that it lacks.
 */
export const FIELDS = {
  level: { kind: 'level', on: 'all', presence: 'optional', audited: false },
  time: { kind: 'time', on: 'all', presence: 'essential', audited: true },
  service: { kind: 'string', on: 'all', presence: 'required', maxBytes: NAME_BYTES, audited: true },
  lifecycle: { kind: 'lifecycle', on: 'all', presence: 'essential', audited: true, identity: true },
  event: { kind: 'string', on: 'not-first', presence: 'required', maxBytes: NAME_BYTES, audited: true, identity: true },
  from: { kind: 'string', on: 'step', presence: 'required', audited: true, identity: true },
  state: { kind: 'string', on: 'all', presence: 'essential', audited: true, identity: true },
  trace_id: { kind: 'trace-id', on: 'all', presence: 'essential', maxBytes: 128, audited: true, identity: true },
  request_id: { kind: 'request-id', on: 'all', presence: 'essential', maxBytes: 16, audited: true, identity: true },
  seq: { kind: 'integer', on: 'transition', presence: 'essential', audited: true, identity: true },
  dwell_ms: { kind: 'milliseconds', on: 'step', presence: 'optional', audited: true },
  parent_id: { kind: 'request-id', on: 'first', presence: 'optional', maxBytes: 16, audited: false },
  method: { kind: 'string', on: 'first', presence: 'optional', maxBytes: NAME_BYTES, audited: false },
  path: { kind: 'string', on: 'first', presence: 'optional', maxBytes: 512, audited: false },
  rejected_id: { kind: 'true', on: 'first', presence: 'optional', audited: false },
  rejected_length: { kind: 'integer', on: 'first', presence: 'optional', audited: false },
  implied: { kind: 'true', on: 'step', presence: 'optional', audited: true },
  outcome: { kind: 'outcome', on: 'final', presence: 'required', audited: false },
  status: { kind: 'number', on: 'final', presence: 'optional', audited: false },
  duration_ms: { kind: 'milliseconds', on: 'final', presence: 'optional', audited: false },
  calls: { kind: 'integer', on: 'step', presence: 'optional', audited: false },
  attempt: { kind: 'integer', on: 'resumed', presence: 'optional', audited: true, identity: true },
  due: { kind: 'number', on: 'all', presence: 'optional', audited: true },
  error: { kind: 'error', on: 'all', presence: 'optional', maxBytes: 1_000, audited: true },
  data: { kind: 'data', on: 'all', presence: 'optional', maxBytes: 1_000, audited: true },
  msg: { kind: 'message', on: 'all', presence: 'optional', audited: false },
} as const satisfies FieldTable<LifecycleRecord>

export const FIELD_NAMES: readonly string[] = Object.keys(FIELDS)
