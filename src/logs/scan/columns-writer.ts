import { traceKey } from '../../history/history.ts'
import { columnsFor, grown, kindKey, kindOf, REQUEST_IS_TEXT, TRACE_IS_TEXT, type OddRecord, type RecordColumns, type RecordKind } from '../../transition/columns.ts'
import type { LifecycleRecord } from '../../transition/record.ts'
import { textBits } from './text-bits.ts'

const HEX_TRACE = /^[0-9a-f]{32}$/
const HEX_REQUEST = /^[0-9a-f]{16}$/

/** Puts records into columns, and numbers their kinds. */
export class ColumnsWriter {
  readonly #kinds = new Map<string, number>()
  #fresh: RecordKind[] = []
  #odd: OddRecord[] = []
  columns: RecordColumns = columnsFor(0)

  /** Begins anew, with room for so many records; more may be added one by one. */
  begin(records: number): void {
    if (this.columns.kind.length < records) this.columns = columnsFor(records)
    this.columns.count = 0
    this.#odd = []
  }

  /** The number of a kind: they count up, and stay the same for as long as this lives. */
  kindFor = (kind: RecordKind): number => {
    const key = kindKey(kind)
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    this.#fresh.push(kind)
    this.#kinds.set(key, this.#kinds.size)
    return this.#kinds.size - 1
  }

  /** Adds a record that was read as an object. */
  add(record: LifecycleRecord, line: number): void {
    if (this.columns.count === this.columns.kind.length) this.columns = grown(this.columns)
    const { columns } = this
    const at = columns.count
    const { trace_id, request_id, error, data } = record
    const trace = traceKey(trace_id)
    const traceIsText = !HEX_TRACE.test(trace)
    const requestIsText = !HEX_REQUEST.test(request_id)
    if (traceIsText) putText(trace_id, columns.trace, at * 4, 4)
    else putHex(trace, columns.trace, at * 4)
    if (requestIsText) putText(request_id, columns.request, at * 2, 2)
    else putHex(request_id, columns.request, at * 2)
    columns.flags[at] = (traceIsText ? TRACE_IS_TEXT : 0) | (requestIsText ? REQUEST_IS_TEXT : 0)
    columns.kind[at] = this.kindFor(kindOf(record))
    columns.time[at] = record.time
    columns.attempt[at] = record.attempt ?? -1
    columns.line[at] = line
    columns.seq[at] = record.lifecycle === 'transition' ? record.seq : 0
    columns.dwell[at] = (record.lifecycle === 'transition' ? record.dwell_ms : undefined) ?? Number.NaN
    columns.count += 1
    const odd = {
      ...(traceIsText ? { traceId: trace_id } : {}),
      ...(requestIsText ? { requestId: request_id } : {}),
      ...(error === undefined ? {} : { error }),
      ...(data === undefined ? {} : errorIn(data)),
    }
    if (Object.keys(odd).length > 0) this.#odd.push({ at, ...odd })
  }

  /** Adds to the record that was put into the columns last. */
  addOdd(odd: OddRecord): void {
    this.#odd.push(odd)
  }

  /** What belongs to the columns and is not in them: kinds that are new since the last call, and odd records. */
  take(): { readonly kinds: readonly RecordKind[]; readonly odd: readonly OddRecord[] } {
    const kinds = this.#fresh
    this.#fresh = []
    return { kinds, odd: this.#odd }
  }
}

function putHex(hex: string, words: Uint32Array, place: number): void {
  for (let at = 0; at < hex.length; at += 8) words[place + at / 8] = Number.parseInt(hex.slice(at, at + 8), 16)
}

function putText(text: string, words: Uint32Array, place: number, count: number): void {
  const bytes = Buffer.from(text)
  textBits(bytes, 0, bytes.length, words, place, count)
}

/** Of the application's data an audit shows an attempt's error, and nothing else. */
function errorIn(data: unknown): Pick<OddRecord, 'data'> {
  return typeof data === 'object' && data !== null && 'error' in data ? { data: { error: data.error } } : {}
}
