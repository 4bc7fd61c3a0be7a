import type { OddRecord, RecordKind } from '../transition/columns.ts'
import type { LifecycleRecord } from '../transition/record.ts'
import { copied } from './copied.ts'
import type { Names } from './names.ts'

/**
 * The lines of the requests in memory, each in a chain that begins with the request's latest: columns instead of objects,
 * of which a busy log would need millions.
 */
export class LinePool {
  kind = new Uint32Array(SMALLEST)
  time = new Float64Array(SMALLEST)
  /** NaN where none. */
  dwell = new Float64Array(SMALLEST)
  seq = new Float64Array(SMALLEST)
  /** -1 where none. */
  attempt = new Float64Array(SMALLEST)
  /** Where it was read: which block, and which line in it. */
  block = new Uint32Array(SMALLEST)
  line = new Uint32Array(SMALLEST)
  /** The line before in the chain; -1 after the last one. */
  next = new Int32Array(SMALLEST)
  #free = -1
  #used = 0

  /** Room for a line; all its columns have to be written. */
  take(): number {
    if (this.#free !== -1) {
      const index = this.#free
      this.#free = this.next[index] ?? -1
      return index
    }
    if (this.#used === this.kind.length) this.#grow()
    this.#used += 1
    return this.#used - 1
  }

  /** Gives back the room of a whole chain. */
  release(head: number): void {
    let last = head
    for (let index = head; index !== -1; index = this.next[index] ?? -1) last = index
    this.next[last] = this.#free
    this.#free = head
  }

  /** The lines of a chain, in no order that means anything. */
  chain(head: number): number[] {
    const lines: number[] = []
    for (let index = head; index !== -1; index = this.next[index] ?? -1) lines.push(index)
    return lines
  }

  /** The line of a chain that says this; -1 where there is none. */
  find(head: number, kind: number, time: number, seq: number, attempt: number): number {
    for (let line = head; line !== -1; line = this.next[line] ?? -1) {
      if (this.time[line] !== time || this.kind[line] !== kind || this.seq[line] !== seq) continue
      if (Math.max(0, this.attempt[line] ?? 0) === Math.max(0, attempt)) return line
    }
    return -1
  }

  /** The order of two lines by attempt and `seq`. */
  compare(a: number, b: number): number {
    return Math.max(0, this.attempt[a] ?? 0) - Math.max(0, this.attempt[b] ?? 0) || (this.seq[a] ?? 0) - (this.seq[b] ?? 0)
  }

  /** The line as the record that it was. */
  record(line: number, { lifecycle, service, event, from, state }: RecordKind, { traceId, requestId }: Names, odd: OddRecord | undefined): LifecycleRecord {
    const [attempt = -1, dwell = Number.NaN] = [this.attempt[line], this.dwell[line]]
    const common = {
      time: this.time[line] ?? 0,
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
      seq: this.seq[line] ?? 0,
      ...(event === undefined ? {} : { event }),
      ...(from === undefined ? {} : { from }),
      ...(Number.isNaN(dwell) ? {} : { dwell_ms: dwell }),
    }
  }

  #grow(): void {
    const wider = this.kind.length * 2
    this.kind = copied(this.kind, new Uint32Array(wider))
    this.time = copied(this.time, new Float64Array(wider))
    this.dwell = copied(this.dwell, new Float64Array(wider))
    this.seq = copied(this.seq, new Float64Array(wider))
    this.attempt = copied(this.attempt, new Float64Array(wider))
    this.block = copied(this.block, new Uint32Array(wider))
    this.line = copied(this.line, new Uint32Array(wider))
    this.next = copied(this.next, new Int32Array(wider))
  }
}

const SMALLEST = 4_096

/** One text for all lines of a request that say the same. */
export function lineKey(kind: number, time: number, seq: number, attempt: number): string {
  return `${String(kind)} ${String(time)} ${String(seq)} ${String(Math.max(0, attempt))}`
}
