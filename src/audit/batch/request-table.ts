import { historyOf, type Located, type RequestHistory } from '../../history/history.ts'
import type { TransitionTable } from '../../machine/table.ts'
import {
  KIND_BITS,
  ROW,
  TRACE_IS_TEXT,
  type RecordExtras,
  type RecordBlock,
  type RecordBatch,
} from '../../record/record-batch.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import { copied } from './copied.ts'
import { FingerprintSet } from './fingerprint-set.ts'
import { WordKeyMap } from './word-key-map.ts'
import { RecordKinds } from './record-kinds.ts'
import { LinePool, rowKey } from './line-pool.ts'
import { requestIdsOf, type OriginalIds } from './request-ids.ts'
import { IntQueue } from './int-queue.ts'
import { StateCounters } from '../state-counts.ts'
import { hasKey, addKey, TRACE_KEY, TraceCounter } from './trace-counter.ts'
import { Variants, type StepTaken, type Variant } from './variants.ts'

/**
 * So many requests that have ended stay in memory, since a line may be repeated or come late; and as many of those that were
 * resumed, since a message may be delivered again.
 */
const MAX_ENDED = 20_000
/** From so many lines on, those of one request are looked up in a map. */
const LINE_INDEX_THRESHOLD = 48

const ENDED = 1
/** Waits to be counted and forgotten. */
const WAITING = 2
/** A worker has resumed it. */
const RESUMED = 8
/** The first of its lines that came is older than what was forgotten: it may have been forgotten itself. */
const LATE = 4

/** Four words of the trace, two of the request, and one of flags. */
const REQUEST_KEY = 7
/** What is kept beside a request's key: its latest line (plus one), how many it has, what is known of it, and its trace. */
const [HEAD, COUNT, STATUS, TRACE] = [0, 1, 2, 3] as const

/** Where a block of lines comes from. */
export type Place = Pick<RecordBlock, 'file' | 'index'>

/** What has to stay in memory, as earlier readings found. */
export interface PinnedIds {
  readonly requests: WordKeyMap
  readonly traces: WordKeyMap
}

export function emptyPins(): PinnedIds {
  return { requests: new WordKeyMap(REQUEST_KEY), traces: new WordKeyMap(TRACE_KEY) }
}

export interface RequestTableOptions {
  /** What earlier readings found; this one may add to it. */
  readonly pinned: PinnedIds
  /** Whether the blocks can be had once more; where not, what was forgotten is remembered in eight bytes each. */
  readonly rereadable: boolean
  /** For tests: how many requests that have ended stay in memory. */
  readonly maxEnded?: number
}

/**
 * All that an audit has to remember, in memory that is bounded by the requests which are open at the same time.
 *
 * Records come block by block, roughly in order of time. A request that ended as it should is counted and forgotten once
 * many others have ended after it. A line that is older than what was forgotten, of a request that is not known, may be a
 * repeat: such requests are noted, and a second reading keeps them. So what is forgotten never changes an answer.
 */
export class RequestTable {
  readonly kinds: RecordKinds
  readonly counters = new StateCounters()
  readonly variants: Variants
  readonly #traces: TraceCounter
  /** Of the requests that were forgotten: how many attempts they took, and how many took so many. */
  readonly attempts = new Map<number, number>()
  readonly #requests = new WordKeyMap(REQUEST_KEY, 4)
  /** When the last line of each request was. */
  #last = new Float64Array(1_024)
  readonly #lines = new LinePool()
  readonly #places: Place[] = []
  /** By line, and by request, where there is any. */
  readonly #extras = new Map<number, RecordExtras>()
  readonly #originalIds = new Map<number, OriginalIds>()
  readonly #lineIndexes = new Map<number, Map<string, number>>()
  readonly #pinned: PinnedIds
  readonly #pinnedBefore: number
  readonly #evictedIds: FingerprintSet | undefined
  readonly #mostEnded: number
  /** The steps of the request in hand, by attempt and `seq`. */
  readonly #steps: number[] = []
  readonly #stepAt = (line: number): StepTaken => {
    const pool = this.#lines
    return { kind: pool.kind(line), seq: pool.seq(line), attempt: pool.attempt(line) }
  }
  /** Requests that have ended, in that order, but for those that were resumed; and those. */
  readonly #waiting = new IntQueue()
  readonly #resumed = new IntQueue()
  /** No line of a forgotten request is later than this. */
  #evictedUpTo = -Infinity
  #evictedCount = 0
  #lateLines = { transitions: 0, duplicates: 0 }
  #latest = -Infinity

  constructor(table: TransitionTable, { pinned, rereadable, maxEnded = MAX_ENDED }: RequestTableOptions) {
    this.kinds = new RecordKinds(table)
    this.variants = new Variants(table, this.kinds, this.counters)
    this.#traces = new TraceCounter(pinned.traces)
    this.#pinned = pinned
    this.#pinnedBefore = pinned.requests.size + pinned.traces.size
    this.#evictedIds = rereadable ? undefined : new FingerprintSet()
    this.#mostEnded = maxEnded
  }

  /** The time of the latest record, in epoch milliseconds; -Infinity where there is none. */
  get latest(): number {
    return this.#latest
  }

  get traces(): number {
    return this.#traces.count
  }

  /** Clean requests, which are counted under {@link Variants}. */
  get evicted(): number {
    return this.#evictedCount
  }

  /** What came of requests that had been forgotten, where that cannot be read again. */
  get lateLines(): Readonly<{ transitions: number; duplicates: number }> {
    return this.#lateLines
  }

  add({ batch, kinds: named, extras, file, index }: RecordBlock): void {
    const block = this.#places.push({ file, index }) - 1
    const kinds = this.kinds.idsFor(named)
    let [at, nextOdd] = [0, 0]
    for (let group = 0; group < batch.groupCount; group += 1) {
      const end = at + (batch.groups[group] ?? 0)
      let id = this.#find(batch, at)
      const over = id === -1 && this.#wasEvicted()
      if (id === -1 && !over) id = this.#addRequest(batch, at, end)
      for (; at < end; at += 1) {
        const strange = extras[nextOdd]?.at === at ? extras[nextOdd++] : undefined
        const kind = kinds[(batch.words[at * ROW.words + ROW.kind] ?? 0) & KIND_BITS] ?? 0
        if (over) this.#countLateLine(kind, batch.numbers[at * ROW.numbers + ROW.time] ?? 0)
        else this.#addLine(id, kind, batch, at, block, strange)
      }
      if (!over) this.#queueForEviction(id)
    }
  }

  /** Counts and forgets what ended long ago; no line to come is older than `watermark`, but for some that are late. */
  evictBefore(watermark: number): void {
    for (const queue of [this.#waiting, this.#resumed]) {
      for (let looks = queue.size - this.#mostEnded; looks > 0; looks -= 1) {
        const id = queue.shift()
        // A clock that is ahead must not hold up the others.
        if ((this.#last[id] ?? 0) > watermark) queue.push(id)
        else {
          this.#requests.set(id, STATUS, this.#requests.get(id, STATUS) & ~WAITING)
          this.#evict(id)
        }
      }
    }
  }

  /** Counts what is clean; gives what has to be judged one by one. */
  *remaining(linesBefore: (place: Place) => number): Generator<RequestHistory> {
    for (const id of this.#ids()) {
      const variant = this.#variantOf(id)
      if (variant?.clean === true) this.#count(id, variant)
      else yield this.#history(id, linesBefore)
    }
  }

  /**
   * Notes what may have been forgotten before it came again: a second reading has to keep it.
   *
   * @returns whether there is any such request or trace that was not noted before
   */
  needsSecondPass(): boolean {
    if (this.#evictedIds !== undefined || this.#evictedUpTo === -Infinity) return false
    const { requests, traces } = this.#pinned
    for (const id of this.#ids()) {
      if ((this.#requests.get(id, STATUS) & LATE) === 0 && this.#hasFirstLine(id)) continue
      this.#requests.readKey(id)
      addKey(requests, this.#requests.key)
    }
    return requests.size + traces.size > this.#pinnedBefore
  }

  *#ids(): Generator<number> {
    for (let id = 0; id < this.#requests.capacity; id += 1) if (this.#requests.get(id, HEAD) !== 0) yield id
  }

  /** The request of a row; -1 where it is not in memory. Its key is then ready to be added. */
  #find({ words }: RecordBatch, at: number): number {
    const { key } = this.#requests
    const row = at * ROW.words
    for (let word = 0; word < 6; word += 1) key[word] = words[row + ROW.trace + word] ?? 0
    key[6] = (words[row + ROW.kind] ?? 0) & ~KIND_BITS
    return this.#requests.find()
  }

  /** A request of which first lines have come. */
  #addRequest({ words, numbers }: RecordBatch, at: number, end: number): number {
    const id = this.#requests.add()
    if (id >= this.#last.length) this.#last = copied(this.#last, new Float64Array(id * 2))
    this.#last[id] = -Infinity
    for (let line = at; line < end; line += 1) {
      if ((numbers[line * ROW.numbers + ROW.time] ?? 0) <= this.#evictedUpTo) this.#requests.set(id, STATUS, LATE)
    }
    const row = at * ROW.words
    this.#requests.set(
      id,
      TRACE,
      this.#traces.retain(words, row + ROW.trace, (words[row + ROW.kind] ?? 0) & TRACE_IS_TEXT),
    )
    return id
  }

  /** The latest line of a request; -1 where there is none yet. */
  #head(id: number): number {
    return this.#requests.get(id, HEAD) - 1
  }

  #addLine(
    id: number,
    kind: number,
    rows: RecordBatch,
    at: number,
    block: number,
    odd: RecordExtras | undefined,
  ): void {
    const known = this.#findLine(id, kind, rows, at)
    if (known === -1) this.#append(id, kind, rows, at, block, odd)
    else if (this.#isBefore(block, rows.words[at * ROW.words + ROW.line] ?? 0, known)) {
      this.#lines.write(known, kind, block, rows, at)
      if (odd === undefined) this.#extras.delete(known)
      else this.#extras.set(known, odd)
    }
    if (odd?.traceId !== undefined || odd?.requestId !== undefined) this.#originalIds.set(id, odd)
  }

  /** The line that says the same; -1 where there is none. */
  #findLine(id: number, kind: number, rows: RecordBatch, at: number): number {
    if (this.#requests.get(id, COUNT) >= LINE_INDEX_THRESHOLD)
      return this.#lineIndexes.get(id)?.get(rowKey(rows, at, kind)) ?? -1
    return this.#lines.find(this.#head(id), kind, rows, at)
  }

  #append(id: number, kind: number, rows: RecordBatch, at: number, block: number, odd: RecordExtras | undefined): void {
    const requests = this.#requests
    const line = this.#lines.allocate(this.#head(id))
    requests.set(id, HEAD, line + 1)
    this.#lines.write(line, kind, block, rows, at)
    if (odd !== undefined) this.#extras.set(line, odd)
    const count = requests.get(id, COUNT) + 1
    requests.set(id, COUNT, count)
    if (count >= LINE_INDEX_THRESHOLD) this.#indexLine(id, line)
    const row = at * ROW.numbers
    const time = rows.numbers[row + ROW.time] ?? 0
    if (time > (this.#last[id] ?? 0)) this.#last[id] = time
    if (time > this.#latest) this.#latest = time
    const isResumed = rows.numbers[row + ROW.attempt] !== -1
    // A first line that is older than an evicted request may be the repeat of one of an evicted request.
    const isLateFirst =
      time <= this.#evictedUpTo &&
      !isResumed &&
      this.kinds.transition[kind] === true &&
      rows.numbers[row + ROW.seq] === 0
    const status = (this.kinds.final[kind] === true ? ENDED : 0) | (isResumed ? RESUMED : 0) | (isLateFirst ? LATE : 0)
    if (status !== 0) requests.set(id, STATUS, requests.get(id, STATUS) | status)
  }

  /** A request that has ended waits to be forgotten; one that turned out not to be whole may be so by now. */
  #queueForEviction(id: number): void {
    const status = this.#requests.get(id, STATUS)
    if ((status & ENDED) === 0 || (status & WAITING) !== 0) return
    this.#requests.set(id, STATUS, status | WAITING)
    const queue = (status & RESUMED) === 0 ? this.#waiting : this.#resumed
    queue.push(id)
  }

  /** Keeps the lines of a request that has very many in a map too: to look through them for each would take for ever. */
  #indexLine(id: number, added: number): void {
    const known = this.#lineIndexes.get(id)
    const crowd = known ?? new Map<string, number>()
    for (const line of known === undefined ? this.#lines.chain(this.#head(id)) : [added])
      crowd.set(this.#lines.key(line), line)
    this.#lineIndexes.set(id, crowd)
  }

  /** Whether a line stands before another one: by the name of its file, and then by its place in it. */
  #isBefore(block: number, line: number, other: number): boolean {
    const otherBlock = this.#lines.block(other)
    if (block === otherBlock) return line < this.#lines.line(other)
    const [place, otherPlace] = [this.#places[block], this.#places[otherBlock]]
    if (place === undefined || otherPlace === undefined) return false
    return place.file === otherPlace.file ? place.index < otherPlace.index : place.file < otherPlace.file
  }

  /** The way that an ended request went, its steps in `#steps`; undefined where it has to be judged by itself. */
  #variantOf(id: number): Variant | undefined {
    if ((this.#requests.get(id, STATUS) & ENDED) === 0 || this.#requests.get(id, COUNT) >= LINE_INDEX_THRESHOLD)
      return undefined
    const pool = this.#lines
    const steps = this.#steps
    steps.length = 0
    // The chain begins with the latest line, which mostly belongs at the end.
    for (let line = this.#head(id); line !== -1; line = pool.next(line))
      if (this.kinds.transition[pool.kind(line)] === true) steps.push(line)
    steps.reverse()
    for (let at = 1; at < steps.length; at += 1) {
      const line = steps[at] ?? 0
      let place = at
      for (; place > 0; place -= 1) {
        const order = pool.compare(line, steps[place - 1] ?? 0)
        if (order === 0) return undefined
        if (order > 0) break
        steps[place] = steps[place - 1] ?? 0
      }
      steps[place] = line
    }
    this.variants.reset()
    for (const line of steps) this.variants.step(pool.kind(line), pool.seq(line), pool.attempt(line))
    return this.variants.end(steps, this.#stepAt)
  }

  /** Counts a clean request, whose steps are in `#steps`. */
  #count(id: number, variant: Variant): void {
    variant.count += 1
    this.#evictedCount += 1
    const pool = this.#lines
    for (let index = 0; index < this.#steps.length; index += 1) {
      const ms = pool.dwell(this.#steps[index] ?? 0)
      if (!Number.isNaN(ms)) variant.steps[index]?.left?.dwell.add(ms)
    }
    if ((this.#requests.get(id, STATUS) & RESUMED) === 0) return
    const attempts = new Set(pool.chain(this.#head(id)).map((line) => pool.attempt(line)))
    attempts.delete(-1)
    this.attempts.set(attempts.size, (this.attempts.get(attempts.size) ?? 0) + 1)
  }

  /** Counts and forgets a request that ended as it should; any other one stays. */
  #evict(id: number): void {
    this.#requests.readKey(id)
    if ((this.#requests.get(id, STATUS) & LATE) !== 0 || hasKey(this.#pinned.requests, this.#requests.key)) return
    const variant = this.#variantOf(id)
    if (variant?.clean !== true) return
    this.#count(id, variant)
    this.#evictedUpTo = Math.max(this.#evictedUpTo, this.#last[id] ?? -Infinity)
    this.#evictedIds?.add(...fingerprint(this.#requests.key))
    const head = this.#head(id)
    if (this.#extras.size > 0) for (const line of this.#lines.chain(head)) this.#extras.delete(line)
    this.#originalIds.delete(id)
    this.#lines.release(head)
    this.#traces.release(this.#requests.get(id, TRACE))
    this.#requests.set(id, HEAD, 0)
    this.#requests.delete(id)
  }

  /** Whether the request in question was forgotten and cannot be had again. */
  #wasEvicted(): boolean {
    return this.#evictedIds?.has(...fingerprint(this.#requests.key)) === true
  }

  /** A line of a forgotten request: it is a repeat, or tells what came after its end. */
  #countLateLine(kind: number, time: number): void {
    if (time <= this.#evictedUpTo || this.kinds.transition[kind] !== true) return
    this.#lateLines.transitions += 1
    if (this.kinds.final[kind] === true) this.#lateLines.duplicates += 1
  }

  #hasFirstLine(id: number): boolean {
    const pool = this.#lines
    return pool
      .chain(this.#head(id))
      .some(
        (line) => this.kinds.transition[pool.kind(line)] === true && pool.seq(line) === 0 && pool.attempt(line) === -1,
      )
  }

  #history(id: number, linesBefore: (place: Place) => number): RequestHistory {
    this.#requests.readKey(id)
    const names = requestIdsOf(this.#requests.key, this.#originalIds.get(id))
    const pool = this.#lines
    const located = pool.chain(this.#head(id)).map((line): Located<LifecycleRecord> => {
      const place = this.#places[pool.block(line)]
      const record = pool.record(line, this.kinds.get(pool.kind(line)), names, this.#extras.get(line))
      return place === undefined
        ? { record, file: '', line: 0 }
        : { record, file: place.file, line: linesBefore(place) + pool.line(line) + 1 }
    })
    return historyOf(names, located)
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
  return [high >>> 0, low >>> 0 || 1]
}
