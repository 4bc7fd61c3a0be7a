import { fstatSync, readSync } from 'node:fs'
import { SEARCH_BLOCK_BYTES, type FoundLine, type LineSearch } from './line-search.ts'
import { seekTime, medianTime } from './seek-time.ts'

/** Reads that end where a page of the file does take a quarter of the time of others. */
const PAGE = 4_096
/** A smaller file is searched as quickly as it is looked at. */
const MIN_BISECT_BYTES = 1_048_576
/** After so many bytes the time is looked at, in the lines that stand last. */
const LOOK_EVERY = 1_048_576
const LOOK_BYTES = 8_192

/** A log that is not packed, open, of which parts can be searched. */
export class SearchableFile {
  readonly name: string
  readonly fd: number
  readonly size: number
  #searched = 0
  #start = 0
  #ordered = false
  #position = 0
  #reached = -Infinity
  #ended = false

  constructor(name: string, fd: number) {
    this.name = name
    this.fd = fd
    this.size = fstatSync(fd).size
  }

  /** How many bytes were searched so far. */
  get searched(): number {
    return this.#searched
  }

  /** Whether it was searched to its end. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether nothing of it was left out. */
  get complete(): boolean {
    return this.#ended && this.#start === 0
  }

  /** Lets the search begin with the lines of a moment, in epoch milliseconds, if the file is in order of time. */
  seek(moment: number, skewMs: number): void {
    if (this.size < MIN_BISECT_BYTES) return
    const { start, ordered } = seekTime(this.fd, this.size, { moment, skewMs, near: SEARCH_BLOCK_BYTES })
    this.#start = start
    this.#position = start
    this.#ordered = ordered
  }

  /** Searches on until the lines are later than a moment, in epoch milliseconds; to the end where they are in no order. */
  *searchUntil(search: LineSearch, until: number): Generator<FoundLine[]> {
    if (this.#ended || this.#reached > until) return
    let looked = this.#position
    for (const [found, at, last] of this.#blocks(search, this.#position, Infinity)) {
      yield found
      const { position } = search
      if (!this.#ordered || position === undefined || at - looked < LOOK_EVERY) continue
      looked = at
      this.#reached = medianTime(last) ?? this.#reached
      this.#position = position
      if (this.#reached > until) return
    }
    this.#ended = true
  }

  /** Searches what stands in front of where the search began. */
  *searchSkipped(search: LineSearch): Generator<FoundLine[]> {
    for (const [found] of this.#blocks(search, 0, this.#start)) yield found
    this.#start = 0
  }

  /** What is found block by block, the place after each, and its last lines. */
  *#blocks(search: LineSearch, from: number, to: number): Generator<[FoundLine[], number, Buffer]> {
    search.startAt(from)
    for (let at = from; at < to;) {
      const count = readSync(this.fd, search.block, 0, Math.min(SEARCH_BLOCK_BYTES - (at % PAGE), to - at), at)
      if (count === 0) break
      at += count
      this.#searched += count
      const last = search.block.subarray(Math.max(0, count - LOOK_BYTES), count)
      yield [search.consume(count), at, last.subarray(last.indexOf(10) + 1)]
    }
    yield [search.end(), to, Buffer.alloc(0)]
  }
}
