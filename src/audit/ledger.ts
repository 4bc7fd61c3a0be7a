import { historyOf, type Located, type RequestHistory } from '../history/history.ts'
import type { TransitionTable } from '../lifecycle/table.ts'
import { TRACE_IS_TEXT, type OddRecord, type RecordBlock, type RecordColumns } from '../transition/columns.ts'
import type { LifecycleRecord } from '../transition/record.ts'
import { copied } from './copied.ts'
import { Fingerprints } from './fingerprints.ts'
import { KeyTable } from './key-table.ts'
import { Kinds } from './kinds.ts'
import { lineKey, LinePool } from './line-pool.ts'
import { namesOf, type Spelling } from './names.ts'
import { Queue } from './queue.ts'
import { Tallies } from './tallies.ts'
import { isIn, remember, TRACE_KEY, Traces } from './traces.ts'
import { Variants, type StepTaken, type Variant } from './variants.ts'

/**
 * So many requests that have ended stay in memory, since a line may be repeated or come late; and as many of those that were
 * resumed, since a message may be delivered again.
 */
const MOST_ENDED = 50_000
/** From so many lines on, those of one request are looked up in a map. */
const CROWD = 48
const SMALLEST = 1_024

const ENDED = 1
/** Waits to be counted and forgotten. */
const WAITING = 2
/** A worker has resumed it. */
const RESUMED = 8
/** The first of its lines that came is older than what was forgotten: it may have been forgotten itself. */
const LATE = 4

const REQUEST_KEY = 7

/** Where a block of lines comes from. */
export type Place = Pick<RecordBlock, 'file' | 'index'>

/** What has to stay in memory, as earlier readings found. */
export interface Pinned {
  readonly requests: KeyTable
  readonly traces: KeyTable
}

export function nothingPinned(): Pinned {
  return { requests: new KeyTable(REQUEST_KEY), traces: new KeyTable(TRACE_KEY) }
}

export interface LedgerOptions {
  /** What earlier readings found; this one may add to it. */
  readonly pinned: Pinned
  /** Whether the blocks can be had once more; where not, what was forgotten is remembered in eight bytes each. */
  readonly again: boolean
  /** For tests: how many requests that have ended stay in memory. */
  readonly mostEnded?: number
}

/**
 * All that an audit has to remember, in memory that is bounded by the requests which are open at the same time.
 *
 * Records come block by block, roughly in order of time. A request that ended as it should is counted and forgotten once
 * many others have ended after it. A line that is older than what was forgotten, of a request that is not known, may be a
 * repeat: such requests are noted, and a second reading keeps them. So what is forgotten never changes an answer.
 */
export class Ledger {
  readonly kinds: Kinds
  readonly tallies = new Tallies()
  readonly variants: Variants
  readonly #traces: Traces
  /** Of the requests that were forgotten: how many attempts they took, and how many took so many. */
  readonly attempts = new Map<number, number>()
  readonly #requests = new KeyTable(REQUEST_KEY)
  readonly #lines = new LinePool()
  readonly #places: Place[] = []
  /** By line, and by request, where there is any. */
  readonly #odd = new Map<number, OddRecord>()
  readonly #spelled = new Map<number, Spelling>()
  readonly #crowds = new Map<number, Map<string, number>>()
  readonly #pinned: Pinned
  readonly #pinnedBefore: number
  readonly #forgotten: Fingerprints | undefined
  readonly #mostEnded: number
  /** Of each request: its latest line, how many it has, when the last one was, what is known of it, and its trace. */
  #head = new Int32Array(SMALLEST)
  #count = new Uint32Array(SMALLEST)
  #last = new Float64Array(SMALLEST)
  #status = new Uint8Array(SMALLEST)
  #trace = new Int32Array(SMALLEST)
  /** The steps of the request in hand, by attempt and `seq`. */
  readonly #steps: number[] = []
  readonly #stepAt = (line: number): StepTaken => {
    const { kind, seq, attempt } = this.#lines
    return { kind: kind[line] ?? 0, seq: seq[line] ?? 0, attempt: attempt[line] ?? -1 }
  }
  /** Requests that have ended, in that order, but for those that were resumed; and those. */
  readonly #waiting = new Queue()
  readonly #resumed = new Queue()
  /** No line of a forgotten request is later than this. */
  #horizon = -Infinity
  #settled = 0
  #afterEnd = { transitions: 0, duplicates: 0 }
  #latest = -Infinity

  constructor(table: TransitionTable, { pinned, again, mostEnded = MOST_ENDED }: LedgerOptions) {
    this.kinds = new Kinds(table)
    this.variants = new Variants(table, this.kinds, this.tallies)
    this.#traces = new Traces(pinned.traces)
    this.#pinned = pinned
    this.#pinnedBefore = pinned.requests.size + pinned.traces.size
    this.#forgotten = again ? undefined : new Fingerprints()
    this.#mostEnded = mostEnded
  }

  /** The time of the latest record, in epoch milliseconds; -Infinity where there is none. */
  get latest(): number {
    return this.#latest
  }

  get traces(): number {
    return this.#traces.count
  }

  /** Clean requests, which are counted under {@link Variants}. */
  get settled(): number {
    return this.#settled
  }

  /** What came of requests that had been forgotten, where that cannot be read again. */
  get afterEnd(): Readonly<{ transitions: number; duplicates: number }> {
    return this.#afterEnd
  }

  add({ columns, kinds: named, odd, file, index }: RecordBlock): void {
    const block = this.#places.push({ file, index }) - 1
    const kinds = this.kinds.numbersOf(named)
    let [at, nextOdd] = [0, 0]
    for (let group = 0; group < columns.groupCount; group += 1) {
      const end = at + (columns.groups[group] ?? 0)
      let id = this.#find(columns, at)
      if (id === -1 && this.#isOver()) {
        for (; at < end; at += 1) this.#addAfterEnd(kinds[columns.kind[at] ?? 0] ?? 0, columns.time[at] ?? 0)
        continue
      }
      if (id === -1) id = this.#begin(columns, at, end)
      for (; at < end; at += 1) {
        const kind = kinds[columns.kind[at] ?? 0] ?? 0
        const strange = odd[nextOdd]?.at === at ? odd[nextOdd++] : undefined
        const known = this.#known(id, kind, columns, at)
        if (known === -1) this.#append(id, kind, columns, at, block, strange)
        else if (this.#isBefore(block, columns.line[at] ?? 0, known)) this.#put(known, kind, columns, at, block, strange)
        if (strange?.traceId !== undefined || strange?.requestId !== undefined) this.#spelled.set(id, strange)
      }
      this.#wait(id)
    }
  }

  /** Counts and forgets what ended long ago; no line to come is older than `watermark`, but for some that are late. */
  forget(watermark: number): void {
    for (const queue of [this.#waiting, this.#resumed]) {
      for (let looks = queue.size - this.#mostEnded; looks > 0; looks -= 1) {
        const id = queue.shift()
        // A clock that is ahead must not hold up the others.
        if ((this.#last[id] ?? 0) > watermark) queue.push(id)
        else {
          this.#status[id] = (this.#status[id] ?? 0) & ~WAITING
          this.#settle(id)
        }
      }
    }
  }

  /** Counts what is clean; gives what has to be judged one by one. */
  *rest(linesBefore: (place: Place) => number): Generator<RequestHistory> {
    for (const id of this.#ids()) {
      const variant = this.#variantOf(id)
      if (variant?.clean === true) this.#tally(id, variant)
      else yield this.#history(id, linesBefore)
    }
  }

  /**
   * Notes what may have been forgotten before it came again: a second reading has to keep it.
   *
   * @returns whether there is any such request or trace that was not noted before
   */
  doubts(): boolean {
    if (this.#forgotten !== undefined || this.#horizon === -Infinity) return false
    const { requests, traces } = this.#pinned
    for (const id of this.#ids()) {
      if (((this.#status[id] ?? 0) & LATE) === 0 && this.#hasBeginning(id)) continue
      this.#requests.load(id)
      remember(requests, this.#requests.key)
    }
    return requests.size + traces.size > this.#pinnedBefore
  }

  *#ids(): Generator<number> {
    for (let id = 0; id < this.#requests.bound; id += 1) if (this.#head[id] !== -1) yield id
  }

  /** The request of a record; -1 where it is not in memory. Its key is then ready to be added. */
  #find({ trace, request, flags }: RecordColumns, at: number): number {
    const { key } = this.#requests
    key[0] = trace[at * 4] ?? 0
    key[1] = trace[at * 4 + 1] ?? 0
    key[2] = trace[at * 4 + 2] ?? 0
    key[3] = trace[at * 4 + 3] ?? 0
    key[4] = request[at * 2] ?? 0
    key[5] = request[at * 2 + 1] ?? 0
    key[6] = flags[at] ?? 0
    return this.#requests.find()
  }

  /** A request of which first lines have come. */
  #begin({ trace, flags, time }: RecordColumns, at: number, end: number): number {
    const id = this.#requests.add()
    if (id >= this.#head.length) this.#grow()
    this.#head[id] = -1
    this.#count[id] = 0
    this.#last[id] = -Infinity
    this.#status[id] = 0
    for (let line = at; line < end; line += 1) if ((time[line] ?? 0) <= this.#horizon) this.#status[id] = LATE
    this.#trace[id] = this.#traces.enter(trace, at * 4, (flags[at] ?? 0) & TRACE_IS_TEXT)
    return id
  }

  /** The line that says the same; -1 where there is none. */
  #known(id: number, kind: number, { time, seq, attempt }: RecordColumns, at: number): number {
    if ((this.#count[id] ?? 0) >= CROWD) return this.#crowds.get(id)?.get(lineKey(kind, time[at] ?? 0, seq[at] ?? 0, attempt[at] ?? 0)) ?? -1
    return this.#lines.find(this.#head[id] ?? -1, kind, time[at] ?? 0, seq[at] ?? 0, attempt[at] ?? 0)
  }

  #append(id: number, kind: number, columns: RecordColumns, at: number, block: number, odd: OddRecord | undefined): void {
    const line = this.#lines.take()
    this.#lines.next[line] = this.#head[id] ?? -1
    this.#head[id] = line
    this.#put(line, kind, columns, at, block, odd)
    const count = (this.#count[id] ?? 0) + 1
    this.#count[id] = count
    if (count >= CROWD) this.#crowd(id, line)
    const time = columns.time[at] ?? 0
    if (time > (this.#last[id] ?? 0)) this.#last[id] = time
    if (time > this.#latest) this.#latest = time
    if (this.kinds.final[kind] === true) this.#status[id] = (this.#status[id] ?? 0) | ENDED
    if (columns.attempt[at] !== -1) this.#status[id] = (this.#status[id] ?? 0) | RESUMED
  }

  /** A request that has ended waits to be forgotten; one that turned out not to be whole may be so by now. */
  #wait(id: number): void {
    const status = this.#status[id] ?? 0
    if ((status & ENDED) === 0 || (status & WAITING) !== 0) return
    this.#status[id] = status | WAITING
    const queue = (status & RESUMED) === 0 ? this.#waiting : this.#resumed
    queue.push(id)
  }

  #put(line: number, kind: number, { time, dwell, seq, attempt, line: lines }: RecordColumns, at: number, block: number, odd: OddRecord | undefined): void {
    const pool = this.#lines
    pool.kind[line] = kind
    pool.time[line] = time[at] ?? 0
    pool.dwell[line] = dwell[at] ?? Number.NaN
    pool.seq[line] = seq[at] ?? 0
    pool.attempt[line] = attempt[at] ?? -1
    pool.block[line] = block
    pool.line[line] = lines[at] ?? 0
    if (odd !== undefined) this.#odd.set(line, odd)
    else if (this.#odd.size > 0) this.#odd.delete(line)
  }

  /** Keeps the lines of a request that has very many in a map too: to look through them for each would take for ever. */
  #crowd(id: number, added: number): void {
    const known = this.#crowds.get(id)
    const crowd = known ?? new Map<string, number>()
    const { kind, time, seq, attempt } = this.#lines
    for (const line of known === undefined ? this.#lines.chain(this.#head[id] ?? -1) : [added]) {
      crowd.set(lineKey(kind[line] ?? 0, time[line] ?? 0, seq[line] ?? 0, attempt[line] ?? 0), line)
    }
    this.#crowds.set(id, crowd)
  }

  /** Whether a line stands before another one: by the name of its file, and then by its place in it. */
  #isBefore(block: number, line: number, other: number): boolean {
    const otherBlock = this.#lines.block[other] ?? 0
    if (block === otherBlock) return line < (this.#lines.line[other] ?? 0)
    const [place, otherPlace] = [this.#places[block], this.#places[otherBlock]]
    if (place === undefined || otherPlace === undefined) return false
    return place.file === otherPlace.file ? place.index < otherPlace.index : place.file < otherPlace.file
  }

  /** The way that an ended request went, its steps in `#steps`; undefined where it has to be judged by itself. */
  #variantOf(id: number): Variant | undefined {
    if (((this.#status[id] ?? 0) & ENDED) === 0 || (this.#count[id] ?? 0) >= CROWD) return undefined
    const { kind, seq, attempt, next } = this.#lines
    const steps = this.#steps
    steps.length = 0
    for (let line = this.#head[id] ?? -1; line !== -1; line = next[line] ?? -1) {
      if (this.kinds.transition[kind[line] ?? 0] !== true) continue
      // Lines mostly come in order, so that the latest belongs at the end.
      let place = steps.length
      for (; place > 0; place -= 1) {
        const order = this.#lines.compare(line, steps[place - 1] ?? 0)
        if (order === 0) return undefined
        if (order > 0) break
        steps[place] = steps[place - 1] ?? 0
      }
      steps[place] = line
    }
    this.variants.begin()
    for (const line of steps) this.variants.step(kind[line] ?? 0, seq[line] ?? 0, attempt[line] ?? -1)
    return this.variants.end(steps, this.#stepAt)
  }

  /** Counts a clean request, whose steps are in `#steps`. */
  #tally(id: number, variant: Variant): void {
    variant.count += 1
    this.#settled += 1
    const { dwell, attempt, next } = this.#lines
    for (let index = 0; index < this.#steps.length; index += 1) {
      const ms = dwell[this.#steps[index] ?? 0] ?? Number.NaN
      if (!Number.isNaN(ms)) variant.steps[index]?.left?.times.add(ms)
    }
    if (((this.#status[id] ?? 0) & RESUMED) === 0) return
    const attempts = new Set<number>()
    for (let line = this.#head[id] ?? -1; line !== -1; line = next[line] ?? -1) if (attempt[line] !== -1) attempts.add(attempt[line] ?? 0)
    this.attempts.set(attempts.size, (this.attempts.get(attempts.size) ?? 0) + 1)
  }

  /** Counts and forgets a request that ended as it should; any other one stays. */
  #settle(id: number): void {
    this.#requests.load(id)
    if (((this.#status[id] ?? 0) & LATE) !== 0 || isIn(this.#pinned.requests, this.#requests.key)) return
    const variant = this.#variantOf(id)
    if (variant?.clean !== true) return
    this.#tally(id, variant)
    this.#horizon = Math.max(this.#horizon, this.#last[id] ?? -Infinity)
    this.#forgotten?.add(...fingerprint(this.#requests.key))
    const head = this.#head[id] ?? -1
    if (this.#odd.size > 0) for (const line of this.#lines.chain(head)) this.#odd.delete(line)
    this.#spelled.delete(id)
    this.#lines.release(head)
    this.#head[id] = -1
    this.#requests.delete(id)
    this.#traces.leave(this.#trace[id] ?? 0)
  }

  /** Whether the request in question was forgotten and cannot be had again. */
  #isOver(): boolean {
    return this.#forgotten?.has(...fingerprint(this.#requests.key)) === true
  }

  /** A line of a forgotten request: it is a repeat, or tells what came after its end. */
  #addAfterEnd(kind: number, time: number): void {
    if (time <= this.#horizon || this.kinds.transition[kind] !== true) return
    this.#afterEnd.transitions += 1
    if (this.kinds.final[kind] === true) this.#afterEnd.duplicates += 1
  }

  #hasBeginning(id: number): boolean {
    const { kind, seq, attempt } = this.#lines
    return this.#lines.chain(this.#head[id] ?? -1).some((line) => this.kinds.transition[kind[line] ?? 0] === true && seq[line] === 0 && attempt[line] === -1)
  }

  #history(id: number, linesBefore: (place: Place) => number): RequestHistory {
    this.#requests.load(id)
    const names = namesOf(this.#requests.key, this.#spelled.get(id))
    const { block, line: lines } = this.#lines
    const located = this.#lines.chain(this.#head[id] ?? -1).map((line): Located<LifecycleRecord> => {
      const place = this.#places[block[line] ?? 0]
      const record = this.#lines.record(line, this.kinds.of(this.#lines.kind[line] ?? 0), names, this.#odd.get(line))
      return place === undefined ? { record, file: '', line: 0 } : { record, file: place.file, line: linesBefore(place) + (lines[line] ?? 0) + 1 }
    })
    return historyOf(names, located)
  }

  #grow(): void {
    const wider = this.#head.length * 2
    this.#head = copied(this.#head, new Int32Array(wider))
    this.#count = copied(this.#count, new Uint32Array(wider))
    this.#last = copied(this.#last, new Float64Array(wider))
    this.#status = copied(this.#status, new Uint8Array(wider))
    this.#trace = copied(this.#trace, new Int32Array(wider))
  }
}

/** Two words that tell one request from another, almost surely. */
function fingerprint(key: Uint32Array): [high: number, low: number] {
  let [high, low] = [0x2545f491, 0x9e3779b9]
  for (const word of key) {
    high = Math.imul(high ^ word, 0x85ebca6b)
    high ^= high >>> 13
    low = Math.imul(low ^ word, 0xc2b2ae35)
    low ^= low >>> 16
  }
  return [high >>> 0, (low >>> 0) || 1]
}
