/** A longer line is cut, so that the memory for reading is bounded. A record that is cut counts as damaged. */
export const MAX_LINE_BYTES = 1_048_576

/** A line of a log, numbered from 1. */
export interface NumberedLine {
  readonly text: string
  readonly line: number
}

/**
 * Splits a stream of bytes into lines, in batches: one for each chunk that completes at least one line.
 *
 * Lines end with LF or CRLF. The last line needs no line end. A byte order mark at the start is skipped. Invalid UTF-8
 * becomes replacement characters.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<NumberedLine[]> {
  const splitter = new LineSplitter()
  for await (const chunk of chunks) {
    const lines = splitter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (lines.length > 0) yield lines
  }
  const rest = splitter.rest()
  if (rest.length > 0) yield rest
}

/** Splits bytes into lines as they arrive. An unfinished line is kept until its line feed. */
export class LineSplitter {
  #pending: Buffer[] = []
  #pendingBytes = 0
  #line: number

  /** @param line the number of lines before these bytes */
  constructor(line = 0) {
    this.#line = line
  }

  /** The number of the last line that was returned. */
  get line(): number {
    return this.#line
  }

  /** Returns the lines that these bytes complete. The bytes are copied, because a stream may reuse their memory. */
  push(bytes: Buffer): NumberedLine[] {
    const lines: NumberedLine[] = []
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      lines.push(this.#complete(bytes.subarray(start, end)))
      start = end + 1
    }
    // The part beyond the maximum length is dropped.
    if (start < bytes.length && this.#pendingBytes <= MAX_LINE_BYTES) {
      const rest = Buffer.from(bytes.subarray(start, start + MAX_LINE_BYTES + 1 - this.#pendingBytes))
      this.#pending.push(rest)
      this.#pendingBytes += rest.length
    }
    return lines
  }

  /** Returns the unfinished line, if there is one. */
  rest(): NumberedLine[] {
    return this.#pendingBytes === 0 ? [] : [this.#complete(Buffer.alloc(0))]
  }

  #complete(last: Buffer): NumberedLine {
    const bytes = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last])
    this.#pending = []
    this.#pendingBytes = 0
    this.#line += 1
    const text = bytes.toString('utf8', 0, MAX_LINE_BYTES)
    return { line: this.#line, text: this.#line === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text }
  }
}
