import { historyOf, type Located, type RequestHistory } from '../../history/history.ts'
import { queueTimes, type QueueLine } from '../../history/queue-times.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { RecordBlock } from '../../record/record-batch.ts'
import type { RecordExtras } from '../../record/record-extras.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import { StateCounters } from '../state-counts.ts'
import { BatchRows, traceKeyOf } from './batch-rows.ts'
import { FingerprintSet } from './fingerprint-set.ts'
import { fingerprintOf } from './hash-words.ts'
import { IntQueue } from './int-queue.ts'
import { LinePool, rowKey } from './line-pool.ts'
import { RecordKinds } from './record-kinds.ts'
import { requestIdsOf, type OriginalIds } from './request-ids.ts'
import { TRACE_KEY_WORDS, TraceCounter } from './trace-counter.ts'
import { Variants, type Variant } from './variants.ts'
import { WordKeyMap } from './word-key-map.ts'

/**
 * So many ended requests stay in memory, because a line may be repeated or late; and as many of those that were
 * resumed, because a message may be delivered again.
 */
const MAX_ENDED = 20_000
/** A request with so many lines or more gets an index of its lines. */
const LINE_INDEX_THRESHOLD = 48

/** Flags of a request. It has a final line. */
const ENDED = 1
/** It is in a queue to be counted and evicted. */
const QUEUED = 2
/**
 * It may be one that was evicted before: its first line, or the first that was read, is older than an evicted request.
 */
const LATE = 4
/** A worker has resumed it. */
const RESUMED = 8

/** Words of a request's key: four of the trace, two of the request, one of flags. */
const REQUEST_KEY_WORDS = 7
/** Values beside a request's key: its latest line (plus one), its number of lines, its flags, its trace. */
const [HEAD, COUNT, STATUS, TRACE] = [0, 1, 2, 3] as const

/** A block of a file. */
export type Place = Pick<RecordBlock, 'file' | 'index'>

/** Ids that must not be evicted. */
export interface PinnedIds {
  readonly requests: WordKeyMap
  readonly traces: WordKeyMap
}

export function emptyPins(): PinnedIds {
  return { requests: new WordKeyMap(REQUEST_KEY_WORDS), traces: new WordKeyMap(TRACE_KEY_WORDS) }
}

export interface RequestTableOptions {
  /** What earlier passes found; this one may add to it. */
  readonly pinned: PinnedIds
  /** Whether the blocks can be read again. If not, evicted requests are remembered in eight bytes each. */
  readonly rereadable: boolean
  /** For tests: how many ended requests stay in memory. */
  readonly maxEnded?: number
}

/** A clean request that can be counted: its variant, and its transitions by attempt and `seq`. */
interface CleanRequest {
  readonly variant: Variant
  readonly steps: readonly number[]
}

/**
 * The requests of a batch audit, in memory that is bounded by the number of requests that are open at the same time.
 *
 * Records come in blocks, roughly in order of time. A clean request is counted and evicted once many others have ended
 * after it. A line of an unknown request that is older than an evicted one may be a repeat: the request is pinned, and
 * a second pass keeps it. So eviction does not change the report, as long as no request has two first lines with
 * different times.
 */
export class RequestTable {
  readonly kinds: RecordKinds
  readonly counters = new StateCounters()
  readonly variants: Variants
  /** How many evicted requests took so many attempts. */
  readonly attempts = new Map<number, number>()
  readonly #traces: TraceCounter
  readonly #requests = new WordKeyMap(REQUEST_KEY_WORDS, 4)
  /** By request: the time of its latest line. */
  #latestTimes = new Float64Array(1_024)
  readonly #lines = new LinePool()
  readonly #blocks: Place[] = []
  /** By line, for the few that have any. */
  readonly #extras = new Map<number, RecordExtras>()
  /** By request, for those with ids that are not stored as bits. */
  readonly #originalIds = new Map<number, OriginalIds>()
  /** By request, for those with many lines: a line by its key. */
  readonly #lineIndexes = new Map<number, Map<string, number>>()
  readonly #pinned: PinnedIds
  readonly #pinnedBefore: number
  /** If the blocks cannot be read again. */
  readonly #evictedIds: FingerprintSet | undefined
  readonly #maxEnded: number
  /** Ended requests in the order in which they ended: those that were not resumed, and those that were. */
  readonly #ended = new IntQueue()
  readonly #endedResumed = new IntQueue()
  /** No line of an evicted request is later than this. */
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
    this.#maxEnded = maxEnded
  }

  /** The time of the latest record, in epoch milliseconds; -Infinity if there is none. */
  get latest(): number {
    return this.#latest
  }

  get traces(): number {
    return this.#traces.count
  }

  /** How many requests were counted by {@link Variants}: those that were evicted, and after the end all clean ones. */
  get evicted(): number {
    return this.#evictedCount
  }

  /** Lines of evicted requests that came later, if the blocks cannot be read again. */
  get lateLines(): Readonly<{ transitions: number; duplicates: number }> {
    return this.#lateLines
  }

  add({ batch, kinds: blockKinds, extras: blockExtras, file, index }: RecordBlock): void {
    const block = this.#blocks.push({ file, index }) - 1
    const kinds = this.kinds.idsFor(blockKinds)
    const rows = new BatchRows(batch)
    const key = new Uint32Array(REQUEST_KEY_WORDS)
    let [row, nextExtras] = [0, 0]
    for (let group = 0; group < rows.groupCount; group += 1) {
      const end = row + rows.groupSize(group)
      rows.readRequestKey(row, key)
      let id = this.#requests.find(key)
      const isEvicted = id === -1 && this.#evictedIds?.has(...fingerprintOf(key)) === true
      if (id === -1 && !isEvicted) id = this.#addRequest(key, rows, row, end)
      for (; row < end; row += 1) {
        const extras = blockExtras[nextExtras]?.at === row ? blockExtras[nextExtras++] : undefined
        const kind = kinds[rows.kind(row)] ?? 0
        if (isEvicted) this.#countLateLine(kind, rows.time(row))
        else this.#addLine(id, kind, rows, row, block, extras)
      }
      if (!isEvicted) this.#queueIfEnded(id)
    }
  }

  /** Counts and evicts requests that ended long ago. Few of the lines to come are older than `watermark`. */
  evictBefore(watermark: number): void {
    for (const queue of [this.#ended, this.#endedResumed]) {
      for (let excess = queue.size - this.#maxEnded; excess > 0; excess -= 1) {
        const id = queue.shift()
        // A service whose clock is ahead must not hold up the others.
        if (this.#latestTime(id) > watermark) queue.push(id)
        else {
          this.#requests.set(id, STATUS, this.#status(id) & ~QUEUED)
          this.#evict(id)
        }
      }
    }
  }

  /** Counts the clean requests; yields the histories of all others. */
  *remaining(linesBefore: (place: Place) => number): Generator<RequestHistory> {
    for (const id of this.#ids()) {
      const clean = this.#asClean(id)
      if (clean === undefined) yield this.#history(id, linesBefore)
      else this.#count(id, clean)
    }
  }

  /**
   * Pins requests that may have been evicted before lines of theirs came again.
   *
   * @returns whether there is any request or trace that earlier passes did not pin
   */
  needsSecondPass(): boolean {
    if (this.#evictedIds !== undefined || this.#evictedUpTo === -Infinity) return false
    const { requests, traces } = this.#pinned
    for (const id of this.#ids()) {
      if ((this.#status(id) & LATE) !== 0 || !this.#hasFirstLine(id)) requests.findOrAdd(this.#requests.keyAt(id))
    }
    return requests.size + traces.size > this.#pinnedBefore
  }

  *#ids(): Generator<number> {
    for (let id = 0; id < this.#requests.capacity; id += 1) if (this.#head(id) !== -1) yield id
  }

  /** The latest line of a request; -1 if it has none. */
  #head(id: number): number {
    return this.#requests.get(id, HEAD) - 1
  }

  #status(id: number): number {
    return this.#requests.get(id, STATUS)
  }

  #latestTime(id: number): number {
    return this.#latestTimes[id] ?? -Infinity
  }

  /** Adds a request, given the rows of its first lines. */
  #addRequest(key: Uint32Array, rows: BatchRows, start: number, end: number): number {
    const id = this.#requests.add(key)
    if (id >= this.#latestTimes.length) {
      const times = new Float64Array(id * 2)
      times.set(this.#latestTimes)
      this.#latestTimes = times
    }
    this.#latestTimes[id] = -Infinity
    for (let row = start; row < end; row += 1)
      if (rows.time(row) <= this.#evictedUpTo) this.#requests.set(id, STATUS, LATE)
    this.#requests.set(id, TRACE, this.#traces.retain(traceKeyOf(key)))
    return id
  }

  #addLine(
    id: number,
    kind: number,
    rows: BatchRows,
    row: number,
    block: number,
    extras: RecordExtras | undefined,
  ): void {
    const line = this.#findLine(id, kind, rows, row)
    if (line === -1) this.#append(id, kind, rows, row, block, extras)
    else if (this.#isBefore(block, rows.line(row), line)) {
      this.#lines.write(line, kind, block, rows, row)
      if (extras === undefined) this.#extras.delete(line)
      else this.#extras.set(line, extras)
    }
    if (extras?.traceId !== undefined || extras?.requestId !== undefined) this.#originalIds.set(id, extras)
  }

  /** The line that a row repeats; -1 if there is none. */
  #findLine(id: number, kind: number, rows: BatchRows, row: number): number {
    if (this.#requests.get(id, COUNT) >= LINE_INDEX_THRESHOLD)
      return this.#lineIndexes.get(id)?.get(rowKey(rows, row, kind)) ?? -1
    return this.#lines.find(this.#head(id), kind, rows, row)
  }

  #append(
    id: number,
    kind: number,
    rows: BatchRows,
    row: number,
    block: number,
    extras: RecordExtras | undefined,
  ): void {
    const line = this.#lines.allocate(this.#head(id))
    this.#lines.write(line, kind, block, rows, row)
    if (extras !== undefined) this.#extras.set(line, extras)
    const count = this.#requests.get(id, COUNT) + 1
    this.#requests.set(id, HEAD, line + 1)
    this.#requests.set(id, COUNT, count)
    if (count >= LINE_INDEX_THRESHOLD) this.#indexLine(id, line)
    const time = rows.time(row)
    if (time > this.#latestTime(id)) this.#latestTimes[id] = time
    if (time > this.#latest) this.#latest = time
    const isLateFirst = time <= this.#evictedUpTo && this.#isFirstLine(line)
    const flags =
      (this.kinds.isFinal[kind] === true ? ENDED : 0) |
      (rows.attempt(row) === -1 ? 0 : RESUMED) |
      (isLateFirst ? LATE : 0)
    if (flags !== 0) this.#requests.set(id, STATUS, this.#status(id) | flags)
  }

  /** Queues an ended request for eviction; also one that was not clean when its turn came, and may be now. */
  #queueIfEnded(id: number): void {
    const status = this.#status(id)
    if ((status & ENDED) === 0 || (status & QUEUED) !== 0) return
    this.#requests.set(id, STATUS, status | QUEUED)
    const queue = (status & RESUMED) === 0 ? this.#ended : this.#endedResumed
    queue.push(id)
  }

  /** Indexes the lines of a request that has very many: a search through all of them for each would be quadratic. */
  #indexLine(id: number, added: number): void {
    const known = this.#lineIndexes.get(id)
    const index = known ?? new Map<string, number>()
    const lines = known === undefined ? this.#lines.list(this.#head(id)) : [added]
    for (const line of lines) index.set(this.#lines.key(line), line)
    this.#lineIndexes.set(id, index)
  }

  /** Whether a line comes before another one: by the name of its file, then by its place in the file. */
  #isBefore(block: number, lineInBlock: number, other: number): boolean {
    const otherBlock = this.#lines.block(other)
    if (block === otherBlock) return lineInBlock < this.#lines.lineInBlock(other)
    const [place, otherPlace] = [this.#blocks[block], this.#blocks[otherBlock]]
    if (place === undefined || otherPlace === undefined) return false
    return place.file === otherPlace.file ? place.index < otherPlace.index : place.file < otherPlace.file
  }

  /** A request as a clean one; undefined if it is not clean, or has to be assessed by itself. */
  #asClean(id: number): CleanRequest | undefined {
    if ((this.#status(id) & ENDED) === 0 || this.#requests.get(id, COUNT) >= LINE_INDEX_THRESHOLD) return undefined
    const steps = this.#steps(id)
    const variant = steps === undefined ? undefined : this.variants.of(steps, this.#lines)
    return steps === undefined || variant?.isClean !== true ? undefined : { variant, steps }
  }

  /** The transitions of a request by attempt and `seq`; undefined if two have the same. */
  #steps(id: number): number[] | undefined {
    const pool = this.#lines
    const steps: number[] = []
    for (let line = this.#head(id); line !== -1; line = pool.next(line))
      if (this.kinds.isTransition[pool.kind(line)] === true) steps.push(line)
    // The list begins with the latest line, so this is nearly sorted: an insertion sort is the fastest.
    steps.reverse()
    for (let index = 1; index < steps.length; index += 1) {
      const line = steps[index] ?? 0
      let place = index
      for (; place > 0; place -= 1) {
        const previous = steps[place - 1] ?? 0
        const order = pool.compare(line, previous)
        if (order === 0) return undefined
        if (order > 0) break
        steps[place] = previous
      }
      steps[place] = line
    }
    return steps
  }

  #count(id: number, { variant, steps }: CleanRequest): void {
    variant.count += 1
    this.#evictedCount += 1
    const pool = this.#lines
    for (let index = 0; index < steps.length; index += 1) {
      const ms = pool.dwell(steps[index] ?? 0)
      if (!Number.isNaN(ms)) variant.steps[index]?.left?.dwell.add(ms)
    }
    if ((this.#status(id) & RESUMED) === 0) return
    const lines = pool.list(this.#head(id))
    const queued = steps.map((line) => this.kinds.get(pool.kind(line))).find(({ event }) => event === 'ENQUEUE')
    if (queued !== undefined) {
      const times = queueTimes(lines.map((line) => this.#queueLine(line)))
      this.counters.addQueueTimes(queued.state, queued.service, times)
    }
    const attempts = new Set(lines.map((line) => pool.attempt(line)))
    attempts.delete(-1)
    this.attempts.set(attempts.size, (this.attempts.get(attempts.size) ?? 0) + 1)
  }

  #queueLine(line: number): QueueLine {
    const pool = this.#lines
    const [kind, attempt] = [pool.kind(line), pool.attempt(line)]
    return {
      time: pool.time(line),
      event: this.kinds.get(kind).event,
      isTransition: this.kinds.isTransition[kind] === true,
      isFinal: this.kinds.isFinal[kind] === true,
      attempt: attempt === -1 ? undefined : attempt,
      due: this.#extras.get(line)?.fields?.due,
    }
  }

  /** Counts and evicts a request if it is clean. */
  #evict(id: number): void {
    if ((this.#status(id) & LATE) !== 0 || this.#isPinned(id)) return
    const clean = this.#asClean(id)
    if (clean === undefined) return
    this.#count(id, clean)
    this.#evictedUpTo = Math.max(this.#evictedUpTo, this.#latestTime(id))
    this.#evictedIds?.add(...fingerprintOf(this.#requests.keyAt(id)))
    const head = this.#head(id)
    if (this.#extras.size > 0) for (const line of this.#lines.list(head)) this.#extras.delete(line)
    this.#originalIds.delete(id)
    this.#lines.release(head)
    this.#traces.release(this.#requests.get(id, TRACE))
    this.#requests.set(id, HEAD, 0)
    this.#requests.delete(id)
  }

  #isPinned(id: number): boolean {
    const { requests } = this.#pinned
    return requests.size > 0 && requests.has(this.#requests.keyAt(id))
  }

  /** Counts a line of an evicted request: a repeat, or something that happened after its end. */
  #countLateLine(kind: number, time: number): void {
    if (time <= this.#evictedUpTo || this.kinds.isTransition[kind] !== true) return
    this.#lateLines.transitions += 1
    if (this.kinds.isFinal[kind] === true) this.#lateLines.duplicates += 1
  }

  #hasFirstLine(id: number): boolean {
    return this.#lines.list(this.#head(id)).some((line) => this.#isFirstLine(line))
  }

  #isFirstLine(line: number): boolean {
    const pool = this.#lines
    return this.kinds.isTransition[pool.kind(line)] === true && pool.seq(line) === 0 && pool.attempt(line) === -1
  }

  #history(id: number, linesBefore: (place: Place) => number): RequestHistory {
    const ids = requestIdsOf(this.#requests.keyAt(id), this.#originalIds.get(id))
    const pool = this.#lines
    const located = pool.list(this.#head(id)).map((line): Located<LifecycleRecord> => {
      const place = this.#blocks[pool.block(line)]
      const record = pool.record(line, this.kinds.get(pool.kind(line)), ids, this.#extras.get(line))
      return place === undefined
        ? { record, file: '', line: 0 }
        : { record, file: place.file, line: linesBefore(place) + pool.lineInBlock(line) + 1 }
    })
    return historyOf(ids, located)
  }
}
