import { MAX_LINE_BYTES } from '../split-lines.ts'
import type { BlockBytes } from './read-block.ts'
import { PADDING_BYTES } from './scan-lines.ts'

/** Gathers a stream of bytes into blocks of whole lines, for what cannot be read in pieces. */
export async function* streamBlocks(chunks: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<BlockBytes> {
  let gathered = new BlockBuffer(blockBytes)
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      from = gathered.append(chunk, from)
      if (!gathered.full) continue
      const { block, rest } = gathered.cut()
      gathered = new BlockBuffer(blockBytes)
      gathered.append(rest, 0)
      yield block
    }
  }
  if (gathered.end > 0) yield gathered.block(gathered.end)
}

/** A block in the making. */
class BlockBuffer {
  readonly #bytes: Buffer
  /** Where the line begins that is not whole yet. */
  #lineStart = 0
  end = 0

  constructor(blockBytes: number) {
    // A line that is too long is kept as far as it is looked at, and no further.
    this.#bytes = Buffer.allocUnsafeSlow(blockBytes + MAX_LINE_BYTES + PADDING_BYTES + 2)
  }

  get full(): boolean {
    return this.#bytes.length - PADDING_BYTES - this.end < MAX_LINE_BYTES + 2 && this.#lineStart > 0
  }

  /** Takes of a chunk what there is room for, at least something; where the rest begins. */
  append(chunk: Uint8Array, from: number): number {
    const room = this.#bytes.length - PADDING_BYTES - 1 - this.end
    const line = this.end - this.#lineStart
    if (line > MAX_LINE_BYTES) return this.#skip(chunk, from)
    const to = Math.min(chunk.length, from + Math.min(room, MAX_LINE_BYTES + 1))
    this.#bytes.set(chunk.subarray(from, to), this.end)
    this.end += to - from
    const feed = this.#bytes.subarray(0, this.end).lastIndexOf(10)
    if (feed >= this.#lineStart) this.#lineStart = feed + 1
    return to
  }

  /** Passes over the rest of a line that is too long, up to its line feed. */
  #skip(chunk: Uint8Array, from: number): number {
    const feed = chunk.indexOf(10, from)
    if (feed === -1) return chunk.length
    this.#bytes[this.end] = 10
    this.end += 1
    this.#lineStart = this.end
    return feed + 1
  }

  /** The lines that are whole, and the beginning of the next one. */
  cut(): { readonly block: BlockBytes; readonly rest: Buffer } {
    return { block: this.block(this.#lineStart), rest: this.#bytes.subarray(this.#lineStart, this.end) }
  }

  block(end: number): BlockBytes {
    return { bytes: this.#bytes, start: 0, end }
  }
}
