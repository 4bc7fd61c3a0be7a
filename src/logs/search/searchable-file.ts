import { fstatSync, readSync } from 'node:fs'
import { SEARCH_BLOCK_BYTES, type FoundLine, type LineSearch } from './line-search.ts'
import { seekTime, medianTime } from './seek-time.ts'

/** Reads that end at a page boundary of the file take a quarter of the time. */
const PAGE = 4_096
/** Searching a smaller file takes no longer than finding out where to start. */
const MIN_BISECT_BYTES = 1_048_576
/** How often the time of the last lines is checked, and how many bytes of them. */
const CHECK_TIME_EVERY_BYTES = 1_048_576
const CHECK_TIME_BYTES = 8_192

/** An open, uncompressed log of which parts can be searched. */
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

  /** How many bytes have been searched. */
  get searched(): number {
    return this.#searched
  }

  /** Whether the search has reached the end of the file. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether the whole file has been searched. */
  get complete(): boolean {
    return this.#ended && this.#start === 0
  }

  /** Moves the start of the search to a time in epoch milliseconds, if the file is in order of time. */
  seek(time: number, skewMs: number): void {
    if (this.size < MIN_BISECT_BYTES) return
    const { start, ordered } = seekTime(this.fd, this.size, { time, skewMs, precision: SEARCH_BLOCK_BYTES })
    this.#start = start
    this.#position = start
    this.#ordered = ordered
  }

  /** Continues the search up to a time in epoch milliseconds, or to the end of a file that is not in order of time. */
  *searchUntil(search: LineSearch, until: number): Generator<FoundLine[]> {
    if (this.#ended || this.#reached > until) return
    let checked = this.#position
    for (const [found, at, last] of this.#blocks(search, this.#position, Infinity)) {
      yield found
      const { position } = search
      if (!this.#ordered || position === undefined || at - checked < CHECK_TIME_EVERY_BYTES) continue
      checked = at
      this.#reached = medianTime(last) ?? this.#reached
      this.#position = position
      if (this.#reached > until) return
    }
    this.#ended = true
  }

  /** Searches the part before the start of the search. */
  *searchSkipped(search: LineSearch): Generator<FoundLine[]> {
    for (const [found] of this.#blocks(search, 0, this.#start)) yield found
    this.#start = 0
  }

  /** For each block: the found lines, the offset of its end, and its last lines. */
  *#blocks(search: LineSearch, from: number, to: number): Generator<[FoundLine[], number, Buffer]> {
    search.startAt(from)
    for (let at = from; at < to;) {
      const count = readSync(this.fd, search.block, 0, Math.min(SEARCH_BLOCK_BYTES - (at % PAGE), to - at), at)
      if (count === 0) break
      at += count
      this.#searched += count
      const last = search.block.subarray(Math.max(0, count - CHECK_TIME_BYTES), count)
      yield [search.consume(count), at, last.subarray(last.indexOf(10) + 1)]
    }
    yield [search.end(), to, Buffer.alloc(0)]
  }
}
