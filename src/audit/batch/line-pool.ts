import type { RequestIds } from '../../history/history.ts'
import { ROW, type RecordExtras, type RecordKind, type RecordBatch } from '../../record/record-batch.ts'
import type { LifecycleRecord } from '../../record/record.ts'

/** Places in a line's 48 bytes: six numbers, or twelve words. The first four numbers are as in {@link ROW}. */
const [NUMBERS, WORDS, KIND, BLOCK, LINE, NEXT] = [6, 12, 8, 9, 10, 11] as const

/**
 * The lines of the requests in memory, each in a chain that begins with the request's latest.
 *
 * A busy log would need millions of objects. What is told of one line stands side by side, since it is the way to
 * memory that takes time.
 */
export class LinePool {
  #numbers = new Float64Array(MIN_CAPACITY * NUMBERS)
  #words = new Int32Array(this.#numbers.buffer)
  #free = -1
  #used = 0

  kind(line: number): number {
    return this.#words[line * WORDS + KIND] ?? 0
  }

  time(line: number): number {
    return this.#numbers[line * NUMBERS + ROW.time] ?? 0
  }

  /** NaN where none. */
  dwell(line: number): number {
    return this.#numbers[line * NUMBERS + ROW.dwell] ?? Number.NaN
  }

  seq(line: number): number {
    return this.#numbers[line * NUMBERS + ROW.seq] ?? 0
  }

  /** -1 where none. */
  attempt(line: number): number {
    return this.#numbers[line * NUMBERS + ROW.attempt] ?? -1
  }

  /** Where it was read: which block, and which line in it. */
  block(line: number): number {
    return this.#words[line * WORDS + BLOCK] ?? 0
  }

  line(line: number): number {
    return (this.#words[line * WORDS + LINE] ?? 0) >>> 0
  }

  /** The line before in the chain; -1 after the last one. */
  next(line: number): number {
    return this.#words[line * WORDS + NEXT] ?? -1
  }

  /** A new line at the head of a chain; it has to be written then. */
  allocate(head: number): number {
    let line = this.#free
    if (line === -1) {
      if ((this.#used + 1) * NUMBERS > this.#numbers.length) this.#grow()
      line = this.#used
      this.#used += 1
    } else this.#free = this.next(line)
    this.#words[line * WORDS + NEXT] = head
    return line
  }

  /** Writes what a row says. */
  write(line: number, kind: number, block: number, { numbers, words }: RecordBatch, at: number): void {
    const [to, from] = [line * NUMBERS, at * ROW.numbers]
    this.#numbers[to] = numbers[from] ?? 0
    this.#numbers[to + 1] = numbers[from + 1] ?? 0
    this.#numbers[to + 2] = numbers[from + 2] ?? 0
    this.#numbers[to + 3] = numbers[from + 3] ?? 0
    this.#words[line * WORDS + KIND] = kind
    this.#words[line * WORDS + BLOCK] = block
    this.#words[line * WORDS + LINE] = words[at * ROW.words + ROW.line] ?? 0
  }

  /** Gives back the room of a whole chain. */
  release(head: number): void {
    let last = head
    for (let line = head; line !== -1; line = this.next(line)) last = line
    this.#words[last * WORDS + NEXT] = this.#free
    this.#free = head
  }

  /** The lines of a chain, in no order that means anything. */
  chain(head: number): number[] {
    const lines: number[] = []
    for (let line = head; line !== -1; line = this.next(line)) lines.push(line)
    return lines
  }

  /** The line of a chain that says the same as a row; -1 where there is none. */
  find(head: number, kind: number, { numbers }: RecordBatch, at: number): number {
    const from = at * ROW.numbers
    for (let line = head; line !== -1; line = this.next(line)) {
      if (
        this.time(line) !== numbers[from + ROW.time] ||
        this.kind(line) !== kind ||
        this.seq(line) !== numbers[from + ROW.seq]
      )
        continue
      if (Math.max(0, this.attempt(line)) === Math.max(0, numbers[from + ROW.attempt] ?? 0)) return line
    }
    return -1
  }

  /** The order of two lines by attempt and `seq`. */
  compare(a: number, b: number): number {
    return Math.max(0, this.attempt(a)) - Math.max(0, this.attempt(b)) || this.seq(a) - this.seq(b)
  }

  /** One text for all lines of a request that say the same. */
  key(line: number): string {
    return lineKey(this.kind(line), this.time(line), this.seq(line), this.attempt(line))
  }

  /** The line as the record that it was. */
  record(
    line: number,
    { lifecycle, service, event, from, state }: RecordKind,
    { traceId, requestId }: RequestIds,
    odd: RecordExtras | undefined,
  ): LifecycleRecord {
    const [attempt, dwell] = [this.attempt(line), this.dwell(line)]
    const common = {
      time: this.time(line),
      service,
      trace_id: traceId,
      request_id: requestId,
      state,
      ...(attempt === -1 ? {} : { attempt }),
      ...(odd?.error === undefined ? {} : { error: odd.error }),
      ...(odd?.data === undefined ? {} : { data: odd.data }),
    }
    if (lifecycle !== 'transition') return { ...common, lifecycle, event: event ?? '' }
    return {
      ...common,
      lifecycle,
      seq: this.seq(line),
      ...(event === undefined ? {} : { event }),
      ...(from === undefined ? {} : { from }),
      ...(Number.isNaN(dwell) ? {} : { dwell_ms: dwell }),
    }
  }

  #grow(): void {
    const before = this.#words
    this.#numbers = new Float64Array(this.#numbers.length * 2)
    this.#words = new Int32Array(this.#numbers.buffer)
    this.#words.set(before)
  }
}

const MIN_CAPACITY = 4_096

/** One text for all rows that say the same of a request. */
export function rowKey({ numbers }: RecordBatch, at: number, kind: number): string {
  const from = at * ROW.numbers
  return lineKey(kind, numbers[from + ROW.time] ?? 0, numbers[from + ROW.seq] ?? 0, numbers[from + ROW.attempt] ?? 0)
}

function lineKey(kind: number, time: number, seq: number, attempt: number): string {
  return `${String(kind)} ${String(time)} ${String(seq)} ${String(Math.max(0, attempt))}`
}
