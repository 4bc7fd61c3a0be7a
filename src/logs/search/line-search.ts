import { MAX_LINE_BYTES } from '../split-lines.ts'
import type { IdSearch } from './id-search.ts'

/** A line that holds an id, and the place of its first byte in the log. */
export interface FoundLine {
  readonly text: string
  readonly offset: number
}

/** Node's types for version 20 leave this out. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

const PAGE = 65_536
const LINE_FEED = 10
/** How many bytes are read at once: what is searched has not left the processor's cache then. */
export const SEARCH_BLOCK_BYTES = 4 * PAGE
/** Room for an unfinished line before the block that finishes it. */
const ROOM = MAX_LINE_BYTES + PAGE

/**
 * Searches the lines of logs for an id, block by block, in the same memory for all of them.
 *
 * A line is cut after {@link MAX_LINE_BYTES} bytes, as in {@link splitLines}.
 */
export class LineSearch {
  /** Where the next bytes of the log are to be put. */
  readonly block: Buffer
  readonly #search: IdSearch
  readonly #bytes: Buffer
  /** Where the unfinished line begins in the memory. */
  #start = ROOM
  /** Where the block begins in the log. */
  #offset = 0
  /** Within a line of which no more is wanted. */
  #skipping = false

  constructor(search: IdSearch) {
    this.#search = search
    // Memory of a page's own begins where a page does: reading into any other takes four times as long.
    const pages = (ROOM + SEARCH_BLOCK_BYTES) / PAGE
    this.#bytes = Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
    this.block = this.#bytes.subarray(ROOM)
  }

  /** Begins anew, at a place in a log where a line begins. */
  startAt(offset: number): void {
    this.#start = ROOM
    this.#offset = offset
    this.#skipping = false
  }

  /** The place in the log where the line begins that is not finished; undefined within one that was cut. */
  get position(): number | undefined {
    return this.#skipping ? undefined : this.#offset - (ROOM - this.#start)
  }

  /** Takes so many bytes that were put into the block. */
  consume(count: number): FoundLine[] {
    const end = ROOM + count
    if (this.#skipping) {
      const next = this.#bytes.indexOf(LINE_FEED, ROOM)
      this.#skipping = next === -1 || next >= end
      this.#start = this.#skipping ? end : next + 1
    }
    const last = this.#bytes.lastIndexOf(LINE_FEED, end - 1)
    const found = last >= Math.max(this.#start, ROOM) ? this.#within(this.#start, last) : []
    if (last >= Math.max(this.#start, ROOM)) this.#start = last + 1
    if (end - this.#start > MAX_LINE_BYTES) {
      found.push(...this.#within(this.#start, this.#start + MAX_LINE_BYTES))
      this.#start = end
      this.#skipping = true
    }
    this.#bytes.copyWithin(this.#start - count, this.#start, end)
    this.#start -= count
    this.#offset += count
    return found
  }

  /** Takes bytes that lie elsewhere, in as many blocks as they need. */
  *consumeAll(bytes: Uint8Array): Generator<FoundLine[]> {
    for (let at = 0; at < bytes.length; at += SEARCH_BLOCK_BYTES) {
      const piece = bytes.subarray(at, at + SEARCH_BLOCK_BYTES)
      this.block.set(piece)
      yield this.consume(piece.length)
    }
  }

  /** The log has ended: its last line needs no line feed. */
  end(): FoundLine[] {
    const found = this.#start < ROOM ? this.#within(this.#start, ROOM) : []
    this.#start = ROOM
    return found
  }

  /** The lines between two places of the memory that hold the id, each once. */
  #within(from: number, to: number): FoundLine[] {
    const lines: FoundLine[] = []
    let next = from
    for (const end of this.#search.matchEnds(this.#bytes, from, to)) {
      if (end < next) continue
      const start = Math.max(from, this.#bytes.lastIndexOf(LINE_FEED, end) + 1)
      const feed = this.#bytes.indexOf(LINE_FEED, end)
      next = feed === -1 || feed > to ? to : feed
      if (end - start >= MAX_LINE_BYTES) continue
      lines.push({
        text: this.#bytes.toString('utf8', start, Math.min(next, start + MAX_LINE_BYTES)),
        offset: this.#offset - (ROOM - start),
      })
    }
    return lines
  }
}
