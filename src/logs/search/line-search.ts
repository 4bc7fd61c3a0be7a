import { MAX_LINE_BYTES } from '../split-lines.ts'
import type { IdSearch } from './id-search.ts'

/** A line that contains an id, with the offset of its first byte in the log. */
export interface FoundLine {
  readonly text: string
  readonly offset: number
}

/** Missing in the types of Node 20. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

const PAGE = 65_536
const LINE_FEED = 10
/** Small enough to be in the processor's cache still when it is searched. */
export const SEARCH_BLOCK_BYTES = 4 * PAGE
/** Space before the block for the unfinished line of the previous one. */
const CARRY_BYTES = MAX_LINE_BYTES + PAGE

/**
 * Searches the lines of logs for an id, block by block, all in the same memory.
 *
 * A line is cut after {@link MAX_LINE_BYTES} bytes, as in {@link splitLines}.
 */
export class LineSearch {
  /** The buffer for the next bytes of the log. */
  readonly block: Buffer
  readonly #search: IdSearch
  readonly #bytes: Buffer
  /** Where the unfinished line starts in memory. */
  #start = CARRY_BYTES
  /** Where the block starts in the log. */
  #offset = 0
  /** Whether the rest of a line that is too long is being skipped. */
  #skipping = false

  constructor(search: IdSearch) {
    this.#search = search
    // WebAssembly memory is aligned to pages. Reading a file into unaligned memory takes four times as long.
    const pages = (CARRY_BYTES + SEARCH_BLOCK_BYTES) / PAGE
    this.#bytes = Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
    this.block = this.#bytes.subarray(CARRY_BYTES)
  }

  /** Starts a new search at the start of a line. */
  startAt(offset: number): void {
    this.#start = CARRY_BYTES
    this.#offset = offset
    this.#skipping = false
  }

  /** Where the unfinished line starts in the log; undefined within a line that was cut. */
  get position(): number | undefined {
    return this.#skipping ? undefined : this.#offset - (CARRY_BYTES - this.#start)
  }

  /** Searches the bytes that were put into the block. */
  consume(count: number): FoundLine[] {
    const end = CARRY_BYTES + count
    if (this.#skipping) {
      const next = this.#bytes.indexOf(LINE_FEED, CARRY_BYTES)
      this.#skipping = next === -1 || next >= end
      this.#start = this.#skipping ? end : next + 1
    }
    const last = this.#bytes.lastIndexOf(LINE_FEED, end - 1)
    const found = last >= Math.max(this.#start, CARRY_BYTES) ? this.#within(this.#start, last) : []
    if (last >= Math.max(this.#start, CARRY_BYTES)) this.#start = last + 1
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

  /** Searches bytes of any length by copying them into the block. */
  *consumeAll(bytes: Uint8Array): Generator<FoundLine[]> {
    for (let at = 0; at < bytes.length; at += SEARCH_BLOCK_BYTES) {
      const piece = bytes.subarray(at, at + SEARCH_BLOCK_BYTES)
      this.block.set(piece)
      yield this.consume(piece.length)
    }
  }

  /** Searches the last line, which needs no line feed. */
  end(): FoundLine[] {
    const found = this.#start < CARRY_BYTES ? this.#within(this.#start, CARRY_BYTES) : []
    this.#start = CARRY_BYTES
    return found
  }

  /** The lines between two memory offsets that contain the id, each once. */
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
        offset: this.#offset - (CARRY_BYTES - start),
      })
    }
    return lines
  }
}
