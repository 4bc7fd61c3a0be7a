/** Reads a stream in pieces of given sizes, as a binary format requires. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** Reads `size` bytes, or fewer if the stream ends first. */
  async read(size: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (let missing = size; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) break
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      pieces.push(piece)
    }
    const [only] = pieces
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
  }

  /** Skips bytes without keeping them in memory. */
  async skip(size: number): Promise<void> {
    for (let missing = size; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) return
      const skipped = Math.min(missing, this.#rest.length)
      this.#rest = this.#rest.subarray(skipped)
      missing -= skipped
    }
  }

  /** Closes the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    return true
  }
}
