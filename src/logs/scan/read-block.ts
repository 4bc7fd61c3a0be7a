import { readSync } from 'node:fs'
import { MAX_LINE_BYTES } from '../split-lines.ts'
import { PADDING_BYTES, type BlockBytes, type FileBlock } from './file-blocks.ts'

const EXTENSION_BYTES = 65_536

/** Reads blocks of files into the same memory, one at a time. */
export class BlockReader {
  #bytes = Buffer.alloc(0)

  /** Reads the lines that start in the block. The last one is whole, even if it ends in the next block. */
  read({ fd, start, end }: Pick<FileBlock, 'fd' | 'start' | 'end'>): BlockBytes {
    const maxBytes = end - start + MAX_LINE_BYTES + EXTENSION_BYTES + PADDING_BYTES + 1
    if (this.#bytes.length < maxBytes) this.#bytes = Buffer.allocUnsafeSlow(maxBytes)
    // The byte before shows whether a line starts with the block.
    const from = Math.max(0, start - 1)
    let filled = this.#fill(fd, from, 0, end - from)
    const first = start === 0 ? 0 : this.#bytes.indexOf(10) + 1
    // A line that starts before the block and does not end in it belongs to another block.
    if (start > 0 && (first === 0 || first > filled)) return { bytes: this.#bytes, start: 0, end: 0 }
    if (filled === end - from && this.#bytes[filled - 1] !== 10) filled = this.#readToLineEnd(fd, from, filled)
    return { bytes: this.#bytes, start: first, end: filled }
  }

  #fill(fd: number, from: number, at: number, bytes: number): number {
    let filled = at
    for (let read = 1; read > 0 && filled < at + bytes; filled += read)
      read = readSync(fd, this.#bytes, filled, at + bytes - filled, from + filled)
    return filled
  }

  /** Reads to the end of the line, or to the maximum length of a line. */
  #readToLineEnd(fd: number, from: number, filled: number): number {
    for (let at = filled; at < filled + MAX_LINE_BYTES;) {
      const next = this.#fill(fd, from, at, EXTENSION_BYTES)
      const feed = this.#bytes.subarray(0, next).indexOf(10, at)
      if (feed !== -1) return feed + 1
      if (next === at) return at
      at = next
    }
    return filled + MAX_LINE_BYTES
  }
}
