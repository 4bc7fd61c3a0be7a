import { canonicalTraceId } from '../../trace/trace-id.ts'
import {
  withDoubleCapacity,
  kindKey,
  kindOf,
  IMPLIED,
  REQUEST_IS_TEXT,
  capacityOf,
  ROW,
  createBatch,
  TRACE_IS_TEXT,
  type RecordKind,
  type RecordBatch,
} from '../../record/record-batch.ts'
import { extraFieldsOf, type RecordExtras } from '../../record/record-extras.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import { hashText } from './hash-text.ts'

const HEX_TRACE = /^[0-9a-f]{32}$/
const HEX_REQUEST = /^[0-9a-f]{16}$/

/** Writes records into a batch, and numbers their kinds. */
export class BatchWriter {
  readonly #kinds = new Map<string, number>()
  #newKinds: RecordKind[] = []
  #extras: RecordExtras[] = []
  batch: RecordBatch = createBatch(0)

  /** Starts a new batch with capacity for so many records. `add` makes room for more. */
  reset(records: number): void {
    if (capacityOf(this.batch) < records) this.batch = createBatch(records)
    this.batch.count = 0
    this.#extras = []
  }

  /** The number of a kind, counted from 0. It stays the same for all batches of this writer. */
  kindId = (kind: RecordKind): number => {
    const key = kindKey(kind)
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    this.#newKinds.push(kind)
    this.#kinds.set(key, this.#kinds.size)
    return this.#kinds.size - 1
  }

  /** Adds a parsed record. */
  add(record: LifecycleRecord, line: number): void {
    if (this.batch.count === capacityOf(this.batch)) this.batch = withDoubleCapacity(this.batch)
    const { numbers, words, count } = this.batch
    const { trace_id, request_id } = record
    const trace = canonicalTraceId(trace_id)
    const traceIsText = !HEX_TRACE.test(trace)
    const requestIsText = !HEX_REQUEST.test(request_id)
    const place = count * ROW.words
    if (traceIsText) putText(trace_id, words, place + ROW.trace, 4)
    else putHex(trace, words, place + ROW.trace)
    if (requestIsText) putText(request_id, words, place + ROW.request, 2)
    else putHex(request_id, words, place + ROW.request)
    words[place + ROW.kind] =
      this.kindId(kindOf(record)) |
      (traceIsText ? TRACE_IS_TEXT : 0) |
      (requestIsText ? REQUEST_IS_TEXT : 0) |
      (record.lifecycle === 'transition' && record.implied === true ? IMPLIED : 0)
    words[place + ROW.line] = line
    const first = count * ROW.numbers
    numbers[first + ROW.time] = record.time
    numbers[first + ROW.attempt] = record.attempt ?? -1
    numbers[first + ROW.seq] = record.lifecycle === 'transition' ? record.seq : 0
    numbers[first + ROW.dwell] = (record.lifecycle === 'transition' ? record.dwell_ms : undefined) ?? Number.NaN
    this.batch.count = count + 1
    const fields = extraFieldsOf(record)
    if (traceIsText || requestIsText || fields !== undefined)
      this.#extras.push({
        at: count,
        ...(traceIsText ? { traceId: trace_id } : {}),
        ...(requestIsText ? { requestId: request_id } : {}),
        ...(fields === undefined ? {} : { fields }),
      })
  }

  /** Adds extras of the record that was written last. */
  addExtras(extras: RecordExtras): void {
    this.#extras.push(extras)
  }

  /** What the rows do not contain: the kinds that are new since the last call, and the extras of this batch. */
  drain(): { readonly kinds: readonly RecordKind[]; readonly extras: readonly RecordExtras[] } {
    const kinds = this.#newKinds
    this.#newKinds = []
    return { kinds, extras: this.#extras }
  }
}

function putHex(hex: string, words: Uint32Array, place: number): void {
  for (let at = 0; at < hex.length; at += 8) words[place + at / 8] = Number.parseInt(hex.slice(at, at + 8), 16)
}

function putText(text: string, words: Uint32Array, place: number, count: number): void {
  const bytes = Buffer.from(text)
  hashText(bytes, 0, bytes.length, words, place, count)
}
