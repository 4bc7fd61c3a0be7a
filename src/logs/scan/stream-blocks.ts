import { MAX_LINE_BYTES } from '../split-lines.ts'
import { PADDING_BYTES, type BlockBytes } from './file-blocks.ts'

/** Divides a stream of bytes into blocks of whole lines. */
export async function* streamBlocks(chunks: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<BlockBytes> {
  let buffer = new BlockBuffer(blockBytes)
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      from = buffer.append(chunk, from)
      if (!buffer.full) continue
      const { block, rest } = buffer.cut()
      buffer = new BlockBuffer(blockBytes)
      buffer.append(rest, 0)
      yield block
    }
  }
  if (buffer.end > 0) yield buffer.block(buffer.end)
}

/** Collects the bytes of a block. */
class BlockBuffer {
  readonly #bytes: Buffer
  /** Where the unfinished line starts. */
  #lineStart = 0
  end = 0

  constructor(blockBytes: number) {
    // Of a line that is too long, only the first MAX_LINE_BYTES are kept.
    this.#bytes = Buffer.allocUnsafeSlow(blockBytes + MAX_LINE_BYTES + PADDING_BYTES + 2)
  }

  get full(): boolean {
    return this.#bytes.length - PADDING_BYTES - this.end < MAX_LINE_BYTES + 2 && this.#lineStart > 0
  }

  /** Appends as much of a chunk as fits, at least one byte, and returns where the rest starts. */
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

  /** Skips the rest of a line that is too long, up to its line feed. */
  #skip(chunk: Uint8Array, from: number): number {
    const feed = chunk.indexOf(10, from)
    if (feed === -1) return chunk.length
    this.#bytes[this.end] = 10
    this.end += 1
    this.#lineStart = this.end
    return feed + 1
  }

  /** The whole lines, and the start of the unfinished one. */
  cut(): { readonly block: BlockBytes; readonly rest: Buffer } {
    return { block: this.block(this.#lineStart), rest: this.#bytes.subarray(this.#lineStart, this.end) }
  }

  block(end: number): BlockBytes {
    return { bytes: this.#bytes, start: 0, end }
  }
}
