/** A longer line is cut there and counts as damaged: the memory for reading stays bounded whatever a file holds. */
export const LONGEST_LINE = 1_048_576

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
  let pending: Buffer[] = []
  let pendingBytes = 0
  let line = 0
  const take = (last: Buffer): NumberedLine => {
    const bytes = pending.length === 0 ? last : Buffer.concat([...pending, last])
    pending = []
    pendingBytes = 0
    line += 1
    const text = bytes.toString('utf8', 0, LONGEST_LINE)
    return { line, text: line === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text }
  }
  for await (const chunk of chunks) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lines: NumberedLine[] = []
    let start = 0
    for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, start)) {
      lines.push(take(buffer.subarray(start, end)))
      start = end + 1
    }
    // What is beyond the longest line is dropped as it comes.
    if (start < buffer.length && pendingBytes <= LONGEST_LINE) {
      // Copied, since a stream may use the chunk's memory again.
      const rest = Buffer.from(buffer.subarray(start, start + LONGEST_LINE + 1 - pendingBytes))
      pending.push(rest)
      pendingBytes += rest.length
    }
    if (lines.length > 0) yield lines
  }
  if (pendingBytes > 0) yield [take(Buffer.alloc(0))]
}
