import type { Fragment } from './fragment.ts'
import type { LifecycleRecord, LoggedError, NoteRecord } from './record.ts'

/** What is the same on all lines of one step or note of one service. */
export interface RecordKind {
  readonly lifecycle: LifecycleRecord['lifecycle']
  readonly service: string
  readonly event?: string
  readonly from?: string
  readonly state: string
}

/** What does not fit into columns, of the few records that have it. */
export interface OddRecord {
  /** Which record of the columns it is. */
  readonly at: number
  /** The ids as they are written, where they are no UUID and no 16 hex digits: with at least one line of each request. */
  readonly traceId?: string
  readonly requestId?: string
  readonly error?: LoggedError
  readonly data?: NoteRecord['data']
}

/**
 * Many records at once, a column for each field: what an audit needs of them, without an object for each.
 *
 * Ids are their bits, or where they are any other text a hash of it.
 */
export interface RecordColumns {
  count: number
  /** How many requests they are of, whose records stand side by side; 0 while they do not. */
  groupCount: number
  /** How many records each request has, in their order. */
  readonly groups: Uint32Array<ArrayBuffer>
  /** Position in a list of kinds that goes on from one set of columns to the next. */
  readonly kind: Uint32Array<ArrayBuffer>
  /** Four words each. */
  readonly trace: Uint32Array<ArrayBuffer>
  /** Two words each. */
  readonly request: Uint32Array<ArrayBuffer>
  /** {@link TRACE_IS_TEXT}, {@link REQUEST_IS_TEXT}. */
  readonly flags: Uint8Array<ArrayBuffer>
  /** Epoch milliseconds. */
  readonly time: Float64Array<ArrayBuffer>
  /** Milliseconds; NaN where none. */
  readonly dwell: Float64Array<ArrayBuffer>
  /** 0 for what is no transition. */
  readonly seq: Float64Array<ArrayBuffer>
  /** -1 where none. */
  readonly attempt: Float64Array<ArrayBuffer>
  /** The line within its block, from 0. */
  readonly line: Uint32Array<ArrayBuffer>
}

export const TRACE_IS_TEXT = 1
export const REQUEST_IS_TEXT = 2

/** Empty columns for so many records. */
export function columnsFor(records: number): RecordColumns {
  return {
    count: 0,
    groupCount: 0,
    groups: new Uint32Array(records),
    kind: new Uint32Array(records),
    trace: new Uint32Array(records * 4),
    request: new Uint32Array(records * 2),
    flags: new Uint8Array(records),
    time: new Float64Array(records),
    dwell: new Float64Array(records),
    seq: new Float64Array(records),
    attempt: new Float64Array(records),
    line: new Uint32Array(records),
  }
}

/** The same columns with room for twice as many records. */
export function grown(columns: RecordColumns): RecordColumns {
  const wider = columnsFor(columns.kind.length * 2 + 16)
  wider.count = columns.count
  for (const name of ['kind', 'trace', 'request', 'flags', 'time', 'dwell', 'seq', 'attempt', 'line'] as const) wider[name].set(columns[name])
  return wider
}

/** The memory of columns: to be handed to another thread. */
export function memoryOf({ groups, kind, trace, request, flags, time, dwell, seq, attempt, line }: RecordColumns): ArrayBuffer[] {
  return [groups, kind, trace, request, flags, time, dwell, seq, attempt, line].map(({ buffer }) => buffer)
}

/** The kind of a record, and one text for all of the same kind. */
export function kindOf({ lifecycle, service, event, from, state }: LifecycleRecord & { readonly from?: string }): RecordKind {
  return { lifecycle, service, ...(event === undefined ? {} : { event }), ...(from === undefined ? {} : { from }), state }
}

/** One text for all kinds that are the same. */
export function kindKey({ lifecycle, service, event, from, state }: RecordKind): string {
  return JSON.stringify([lifecycle, service, event, from, state])
}

/** A stretch of a log, read. */
export interface RecordBlock {
  /** The records of each request side by side. */
  readonly columns: RecordColumns
  /** The kinds that the columns name by number: a list that grows from block to block. */
  readonly kinds: readonly RecordKind[]
  /** In order of `at`. */
  readonly odd: readonly OddRecord[]
  readonly fragments: readonly Fragment[]
  /** Lines, empty ones included. */
  readonly lines: number
  /** What is no record: lines of others, and what is left of damaged ones. */
  readonly others: number
  readonly damaged: number
  readonly file: string
  /** Which block of its file, from 0. */
  readonly index: number
  /** The time at which it begins, in epoch milliseconds, as far as is known; -Infinity where it is not. */
  readonly begins: number
}
