/** A longer line is cut there and counts as damaged: the memory for reading stays bounded whatever a file holds. */
export const MAX_LINE_BYTES = 1_048_576

/** A line of a log, numbered from 1. */
export interface NumberedLine {
  readonly text: string
  readonly line: number
}

/**
 * Splits a stream of bytes into lines, in batches: one for each chunk that completes any.
 *
 * Lines end with LF or CRLF; a byte order mark at the start is passed over; bytes that are not UTF-8 become
 * replacement characters. The last line needs no end.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<NumberedLine[]> {
  const cutter = new LineCutter()
  for await (const chunk of chunks) {
    const lines = cutter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (lines.length > 0) yield lines
  }
  const rest = cutter.rest()
  if (rest.length > 0) yield rest
}

/** Cuts bytes into lines as they come: what has no line feed yet is kept until it is whole. */
export class LineCutter {
  #pending: Buffer[] = []
  #pendingBytes = 0
  #line: number

  /** @param line how many lines came before */
  constructor(line = 0) {
    this.#line = line
  }

  /** How many lines have been given. */
  get line(): number {
    return this.#line
  }

  /** The lines that these bytes complete. They are not held on to: a stream may use their memory again. */
  push(bytes: Buffer): NumberedLine[] {
    const lines: NumberedLine[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      lines.push(this.#take(bytes.subarray(start, end)))
      start = end + 1
    }
    // What is beyond the longest line is dropped as it comes.
    if (start < bytes.length && this.#pendingBytes <= MAX_LINE_BYTES) {
      const rest = Buffer.from(bytes.subarray(start, start + MAX_LINE_BYTES + 1 - this.#pendingBytes))
      this.#pending.push(rest)
      this.#pendingBytes += rest.length
    }
    return lines
  }

  /** What is left where nothing follows any more: one line without its end, or none. */
  rest(): NumberedLine[] {
    return this.#pendingBytes === 0 ? [] : [this.#take(Buffer.alloc(0))]
  }

  #take(last: Buffer): NumberedLine {
    const bytes = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last])
    this.#pending = []
    this.#pendingBytes = 0
    this.#line += 1
    const text = bytes.toString('utf8', 0, MAX_LINE_BYTES)
    return { line: this.#line, text: this.#line === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text }
  }
}
