import { IMPLIED, KIND_BITS, ROW, type RecordKind } from '../../record/record-batch.ts'
import type { RecordExtras } from '../../record/record-extras.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import type { BatchRows } from './batch-rows.ts'
import type { RequestIds } from '../../history/history.ts'

const MIN_CAPACITY = 4_096

/**
 * Where a line's fields are in its 48 bytes: six numbers or twelve words. The first four numbers are as in {@link ROW}.
 */
const [NUMBERS, WORDS, KIND, BLOCK, LINE, NEXT] = [6, 12, 8, 9, 10, 11] as const

/**
 * The lines of the requests in memory, in one linked list per request that starts with its latest line.
 *
 * A busy log would need millions of objects. The fields of one line are next to each other in memory, because most of
 * the time is spent on cache misses.
 */
export class LinePool {
  #numbers = new Float64Array(MIN_CAPACITY * NUMBERS)
  #words = new Int32Array(this.#numbers.buffer)
  #firstFree = -1
  #used = 0

  kind(line: number): number {
    return this.#word(line, KIND) & KIND_BITS
  }

  /** {@link IMPLIED} if the handler did not report the step, otherwise 0. */
  impliedFlag(line: number): number {
    return this.#word(line, KIND) & IMPLIED
  }

  /** Epoch milliseconds. */
  time(line: number): number {
    return this.#number(line, ROW.time)
  }

  /** Milliseconds; NaN if there is none. */
  dwell(line: number): number {
    return this.#number(line, ROW.dwell)
  }

  seq(line: number): number {
    return this.#number(line, ROW.seq)
  }

  /** -1 if there is none. */
  attempt(line: number): number {
    return this.#number(line, ROW.attempt)
  }

  /** The block that the line is in. */
  block(line: number): number {
    return this.#word(line, BLOCK)
  }

  /** The position of the line in its block. */
  lineInBlock(line: number): number {
    return this.#word(line, LINE) >>> 0
  }

  /** The next line of the list; -1 after the last one. */
  next(line: number): number {
    return this.#word(line, NEXT)
  }

  /** Adds a line to the front of a list; its content has to be written then. */
  allocate(head: number): number {
    let line = this.#firstFree
    if (line === -1) {
      if ((this.#used + 1) * NUMBERS > this.#numbers.length) this.#grow()
      line = this.#used
      this.#used += 1
    } else this.#firstFree = this.next(line)
    this.#words[line * WORDS + NEXT] = head
    return line
  }

  write(line: number, kind: number, block: number, rows: BatchRows, row: number): void {
    const number = line * NUMBERS
    this.#numbers[number + ROW.time] = rows.time(row)
    this.#numbers[number + ROW.dwell] = rows.dwell(row)
    this.#numbers[number + ROW.seq] = rows.seq(row)
    this.#numbers[number + ROW.attempt] = rows.attempt(row)
    const word = line * WORDS
    this.#words[word + KIND] = kind | rows.impliedFlag(row)
    this.#words[word + BLOCK] = block
    this.#words[word + LINE] = rows.line(row)
  }

  /** Frees all lines of a list. */
  release(head: number): void {
    let last = head
    for (let line = head; line !== -1; line = this.next(line)) last = line
    this.#words[last * WORDS + NEXT] = this.#firstFree
    this.#firstFree = head
  }

  /** All lines of a list; their order has no meaning. */
  list(head: number): number[] {
    const lines: number[] = []
    for (let line = head; line !== -1; line = this.next(line)) lines.push(line)
    return lines
  }

  /** The line of a list that a row repeats; -1 if there is none. */
  find(head: number, kind: number, rows: BatchRows, row: number): number {
    const [time, seq, attempt] = [rows.time(row), rows.seq(row), Math.max(0, rows.attempt(row))]
    for (let line = head; line !== -1; line = this.next(line)) {
      if (this.time(line) !== time || this.kind(line) !== kind || this.seq(line) !== seq) continue
      if (Math.max(0, this.attempt(line)) === attempt) return line
    }
    return -1
  }

  /** The order of two lines by attempt and `seq`. */
  compare(a: number, b: number): number {
    return Math.max(0, this.attempt(a)) - Math.max(0, this.attempt(b)) || this.seq(a) - this.seq(b)
  }

  /** A key that is the same for all lines of a request that repeat each other. */
  key(line: number): string {
    return lineKey(this.kind(line), this.time(line), this.seq(line), this.attempt(line))
  }

  /** The line as a record. */
  record(
    line: number,
    { lifecycle, service, event, from, state }: RecordKind,
    { traceId, requestId }: RequestIds,
    extras: RecordExtras | undefined,
  ): LifecycleRecord {
    const [attempt, dwell] = [this.attempt(line), this.dwell(line)]
    const common = {
      time: this.time(line),
      service,
      trace_id: traceId,
      request_id: requestId,
      state,
      ...(attempt === -1 ? {} : { attempt }),
      ...extras?.fields,
    }
    if (lifecycle !== 'transition') return { ...common, lifecycle, event: event ?? '' }
    return {
      ...common,
      lifecycle,
      seq: this.seq(line),
      ...(event === undefined ? {} : { event }),
      ...(from === undefined ? {} : { from }),
      ...(Number.isNaN(dwell) ? {} : { dwell_ms: dwell }),
      ...(this.impliedFlag(line) === 0 ? {} : { implied: true }),
    }
  }

  #number(line: number, field: number): number {
    return this.#numbers[line * NUMBERS + field] ?? 0
  }

  #word(line: number, field: number): number {
    return this.#words[line * WORDS + field] ?? 0
  }

  #grow(): void {
    const previous = this.#words
    this.#numbers = new Float64Array(this.#numbers.length * 2)
    this.#words = new Int32Array(this.#numbers.buffer)
    this.#words.set(previous)
  }
}

/** The key of the line that a row would become. */
export function rowKey(rows: BatchRows, row: number, kind: number): string {
  return lineKey(kind, rows.time(row), rows.seq(row), rows.attempt(row))
}

function lineKey(kind: number, time: number, seq: number, attempt: number): string {
  return `${kind} ${time} ${seq} ${Math.max(0, attempt)}`
}
