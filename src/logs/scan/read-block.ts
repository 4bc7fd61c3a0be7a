import { readSync } from 'node:fs'
import { MAX_LINE_BYTES } from '../split-lines.ts'
import type { FileBlock } from './file-blocks.ts'
import { PADDING_BYTES } from './scan-lines.ts'

const FURTHER_BYTES = 65_536

/** Lines in memory: those between `start` and `end`. Beyond `end` there are bytes that may be looked at. */
export interface BlockBytes {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Reads blocks of files, one after the other, into the same memory. */
export class BlockReader {
  #bytes = Buffer.alloc(0)

  /** The lines that begin in the block, the last one whole even if it ends in the next block. */
  read({ fd, start, end }: Pick<FileBlock, 'fd' | 'start' | 'end'>): BlockBytes {
    const most = end - start + MAX_LINE_BYTES + FURTHER_BYTES + PADDING_BYTES + 1
    if (this.#bytes.length < most) this.#bytes = Buffer.allocUnsafeSlow(most)
    // The byte before tells whether a line begins with the block.
    const from = Math.max(0, start - 1)
    let filled = this.#fill(fd, from, 0, end - from)
    const first = start === 0 ? 0 : this.#bytes.indexOf(10) + 1
    // What begins before the block and does not end in it is another block's.
    if (start > 0 && (first === 0 || first > filled)) return { bytes: this.#bytes, start: 0, end: 0 }
    if (filled === end - from && this.#bytes[filled - 1] !== 10) filled = this.#furtherToLineEnd(fd, from, filled)
    return { bytes: this.#bytes, start: first, end: filled }
  }

  #fill(fd: number, from: number, at: number, bytes: number): number {
    let filled = at
    for (let read = 1; read > 0 && filled < at + bytes; filled += read)
      read = readSync(fd, this.#bytes, filled, at + bytes - filled, from + filled)
    return filled
  }

  /** Reads on to the end of the line; of one that is too long no more than is looked at. */
  #furtherToLineEnd(fd: number, from: number, filled: number): number {
    for (let at = filled; at < filled + MAX_LINE_BYTES;) {
      const next = this.#fill(fd, from, at, FURTHER_BYTES)
      const feed = this.#bytes.subarray(0, next).indexOf(10, at)
      if (feed !== -1) return feed + 1
      if (next === at) return at
      at = next
    }
    return filled + MAX_LINE_BYTES
  }
}
