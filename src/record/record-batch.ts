import type { CallFact } from './call-facts.ts'
import type { LineKind } from './line.ts'
import type { PartialRecord } from './partial-record.ts'
import type { RecordExtras } from './record-extras.ts'
import type { LifecycleRecord } from './record.ts'

/** The fields that are the same on all lines of one kind from one service. */
export interface RecordKind extends LineKind {
  readonly service: string
  readonly event?: string
  readonly from?: string
}

/**
 * Many records, as one row of numbers each: what an audit needs, without an object per record.
 *
 * A row has 64 bytes, the size of a cache line. {@link ROW} is its layout. An id is stored as its bits, or as a hash if
 * it is not hexadecimal.
 */
export interface RecordBatch {
  count: number
  /** The number of requests, if the rows are grouped by request; otherwise 0. */
  groupCount: number
  /** The number of rows of each request, in the order of the groups. */
  readonly groups: Uint32Array<ArrayBuffer>
  /** The rows, as doubles. */
  readonly numbers: Float64Array<ArrayBuffer>
  /** The same memory, as 32-bit words. */
  readonly words: Uint32Array<ArrayBuffer>
}

/** The layout of a row: `time` to `attempt` are offsets in `numbers`, `kind` to `line` are offsets in `words`. */
export const ROW = {
  /** Doubles per row. */
  numbers: 8,
  /** Words per row. */
  words: 16,
  /** Epoch milliseconds. */
  time: 0,
  /** Milliseconds; NaN if the record has no `dwell_ms`. */
  dwell: 1,
  /** 0 for notes. */
  seq: 2,
  /** -1 if the record has no `attempt`. */
  attempt: 3,
  /** An index into a list of kinds that grows from block to block; its upper bits are flags. */
  kind: 8,
  /** Four words. */
  trace: 9,
  /** Two words. */
  request: 13,
  /** The line within its block, from 0. */
  line: 15,
} as const

/** Flags in `kind`: the id is a hash. */
export const TRACE_IS_TEXT = 0x8000_0000
export const REQUEST_IS_TEXT = 0x4000_0000
/** Both of them: they belong to the ids, and are the same in all rows of a request. */
export const ID_FLAGS = 0xc000_0000
/** A flag in `kind`: the record has `implied`. */
export const IMPLIED = 0x2000_0000
export const KIND_BITS = 0x1fff_ffff

/** An empty batch with capacity for so many records. */
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

/** The number of records that fit. */
export function capacityOf({ groups }: RecordBatch): number {
  return groups.length
}

/** A copy with twice the capacity. */
export function withDoubleCapacity(batch: RecordBatch): RecordBatch {
  const wider = createBatch(capacityOf(batch) * 2 + 16)
  wider.count = batch.count
  wider.words.set(batch.words)
  return wider
}

/** The buffers of a batch, to transfer to another thread. */
export function transferablesOf({ groups, numbers }: RecordBatch): ArrayBuffer[] {
  return [groups.buffer, numbers.buffer]
}

/** The kind of a record. */
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

/** A string that is the same for equal kinds. */
export function kindKey({ lifecycle, service, event, from, state }: RecordKind): string {
  return JSON.stringify([lifecycle, service, event, from, state])
}

/** The records of one block of a log. */
export interface RecordBlock {
  /** Grouped by request. */
  readonly batch: RecordBatch
  /** The kinds that the rows refer to by index: a list that grows from block to block. */
  readonly kinds: readonly RecordKind[]
  /** Ordered by `at`. */
  readonly extras: readonly RecordExtras[]
  readonly partials: readonly PartialRecord[]
  /** Only if the scan collects them. */
  readonly callFacts?: readonly CallFact[]
  /** Lines, empty ones included. */
  readonly lines: number
  /** Third-party lines. */
  readonly otherLines: number
  readonly damagedLines: number
  readonly file: string
  /** The index of the block in its file, from 0. */
  readonly index: number
  /** The time of its first line, in epoch milliseconds, as far as is known; otherwise -Infinity. */
  readonly startTime: number
}
