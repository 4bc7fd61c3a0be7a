import type { PartialRecord } from './partial-record.ts'
import type { LifecycleRecord, LoggedError, NoteRecord } from './record.ts'

/** What is the same on all lines of one step or note of one service. */
export interface RecordKind {
  readonly lifecycle: LifecycleRecord['lifecycle']
  readonly service: string
  readonly event?: string
  readonly from?: string
  readonly state: string
}

/** What does not fit into a row, of the few records that have it. */
export interface RecordExtras {
  /** Which row it belongs to. */
  readonly at: number
  /** The ids as they are written, where they are no UUID and no 16 hex digits: with at least one line of each request. */
  readonly traceId?: string
  readonly requestId?: string
  readonly error?: LoggedError
  readonly data?: NoteRecord['data']
}

/**
 * Many records at once, a row of numbers for each: what an audit needs of them, without an object for each.
 *
 * A row has 64 bytes, as much as a processor fetches at once. {@link ROW} says where in it things stand. Ids are their
 * bits, or where they are any other text a hash of it.
 */
export interface RecordBatch {
  count: number
  /** How many requests they are of, whose rows stand side by side; 0 while they do not. */
  groupCount: number
  /** How many rows each request has, in their order. */
  readonly groups: Uint32Array<ArrayBuffer>
  /** The same memory, as numbers and as words. */
  readonly numbers: Float64Array<ArrayBuffer>
  readonly words: Uint32Array<ArrayBuffer>
}

/** Places in a row: the first four in `numbers`, of which a row has eight; the others in `words`, of which it has sixteen. */
export const ROW = {
  numbers: 8,
  words: 16,
  /** Epoch milliseconds. */
  time: 0,
  /** Milliseconds; NaN where none. */
  dwell: 1,
  /** 0 for what is no transition. */
  seq: 2,
  /** -1 where none. */
  attempt: 3,
  /** Position in a list of kinds that goes on from one block to the next, and in the upper bits the flags. */
  kind: 8,
  /** Four words. */
  trace: 9,
  /** Two words. */
  request: 13,
  /** The line within its block, from 0. */
  line: 15,
} as const

/** Flags of ids that are no bits. */
export const TRACE_IS_TEXT = 0x8000_0000
export const REQUEST_IS_TEXT = 0x4000_0000
export const KIND_BITS = 0x3fff_ffff

/** Room for so many records. */
export function createBatch(records: number): RecordBatch {
  const memory = new ArrayBuffer(records * ROW.numbers * 8)
  return {
    count: 0,
    groupCount: 0,
    groups: new Uint32Array(records),
    numbers: new Float64Array(memory),
    words: new Uint32Array(memory),
  }
}

/** How many records there is room for. */
export function capacityOf({ groups }: RecordBatch): number {
  return groups.length
}

/** The same rows with room for twice as many records. */
export function withDoubleCapacity(rows: RecordBatch): RecordBatch {
  const wider = createBatch(capacityOf(rows) * 2 + 16)
  wider.count = rows.count
  wider.words.set(rows.words)
  return wider
}

/** The memory of rows: to be handed to another thread. */
export function transferablesOf({ groups, numbers }: RecordBatch): ArrayBuffer[] {
  return [groups.buffer, numbers.buffer]
}

/** The kind of a record, and one text for all of the same kind. */
export function kindOf({
  lifecycle,
  service,
  event,
  from,
  state,
}: LifecycleRecord & { readonly from?: string }): RecordKind {
  return {
    lifecycle,
    service,
    ...(event === undefined ? {} : { event }),
    ...(from === undefined ? {} : { from }),
    state,
  }
}

/** One text for all kinds that are the same. */
export function kindKey({ lifecycle, service, event, from, state }: RecordKind): string {
  return JSON.stringify([lifecycle, service, event, from, state])
}

/** A stretch of a log, read. */
export interface RecordBlock {
  /** The records of each request side by side. */
  readonly batch: RecordBatch
  /** The kinds that the rows name by number: a list that grows from block to block. */
  readonly kinds: readonly RecordKind[]
  /** In order of `at`. */
  readonly extras: readonly RecordExtras[]
  readonly partials: readonly PartialRecord[]
  /** Lines, empty ones included. */
  readonly lines: number
  /** What is no record: lines of others, and what is left of damaged ones. */
  readonly otherLines: number
  readonly damagedLines: number
  readonly file: string
  /** Which block of its file, from 0. */
  readonly index: number
  /** The time at which it begins, in epoch milliseconds, as far as is known; -Infinity where it is not. */
  readonly startTime: number
}
