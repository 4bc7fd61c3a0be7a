/** The bytes of a stream, taken in pieces of the sizes that a format demands. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** So many bytes; fewer where the stream ends before. */
  async read(size: number): Promise<Buffer> {
    const taken: Buffer[] = []
    for (let missing = size; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) break
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      taken.push(piece)
    }
    const [only] = taken
    return taken.length === 1 && only !== undefined ? only : Buffer.concat(taken)
  }

  /** Passes over so many bytes, however many they are. */
  async skip(size: number): Promise<void> {
    for (let missing = size; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) return
      const passed = Math.min(missing, this.#rest.length)
      this.#rest = this.#rest.subarray(passed)
      missing -= passed
    }
  }

  /** Lets go of the stream. */
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
