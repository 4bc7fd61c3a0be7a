import { ID_FLAGS, IMPLIED, KIND_BITS, ROW, TRACE_IS_TEXT, type RecordBatch } from '../../record/record-batch.ts'

/** The rows of a batch, read by name. */
export class BatchRows {
  readonly groupCount: number
  readonly #groups: Uint32Array
  readonly #numbers: Float64Array
  readonly #words: Uint32Array

  constructor({ groupCount, groups, numbers, words }: RecordBatch) {
    this.groupCount = groupCount
    this.#groups = groups
    this.#numbers = numbers
    this.#words = words
  }

  /** How many rows a request has; they are side by side, in the order of the groups. */
  groupSize(group: number): number {
    return this.#groups[group] ?? 0
  }

  /** Epoch milliseconds. */
  time(row: number): number {
    return this.#numbers[row * ROW.numbers + ROW.time] ?? 0
  }

  /** Milliseconds; NaN if there is none. */
  dwell(row: number): number {
    return this.#numbers[row * ROW.numbers + ROW.dwell] ?? 0
  }

  /** 0 for records that are no transitions. */
  seq(row: number): number {
    return this.#numbers[row * ROW.numbers + ROW.seq] ?? 0
  }

  /** -1 if there is none. */
  attempt(row: number): number {
    return this.#numbers[row * ROW.numbers + ROW.attempt] ?? 0
  }

  /** The position of the record's kind in the list of its block. */
  kind(row: number): number {
    return this.#word(row, ROW.kind) & KIND_BITS
  }

  /** {@link IMPLIED} if the handler did not report the step, otherwise 0. */
  impliedFlag(row: number): number {
    return this.#word(row, ROW.kind) & IMPLIED
  }

  /** The line of the record in its block, from 0. */
  line(row: number): number {
    return this.#word(row, ROW.line)
  }

  /** Writes the key of a record's request to `key`: four words of the trace, two of the request, one of flags. */
  readRequestKey(row: number, key: Uint32Array): void {
    for (let word = 0; word < 6; word += 1) key[word] = this.#word(row, ROW.trace + word)
    key[6] = this.#word(row, ROW.kind) & ID_FLAGS
  }

  #word(row: number, field: number): number {
    return this.#words[row * ROW.words + field] ?? 0
  }
}

/** The key of a request's trace, from the key of the request: four words of the id, one of flags. */
export function traceKeyOf(requestKey: Uint32Array): Uint32Array {
  const key = requestKey.slice(0, 5)
  key[4] = (requestKey[6] ?? 0) & TRACE_IS_TEXT
  return key
}
