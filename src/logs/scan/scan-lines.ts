import type { PartialRecord } from '../../record/partial-record.ts'
import type { RecordBlock, RecordBatch } from '../../record/record-batch.ts'
import { parseLine } from '../parse-line.ts'
import { MAX_LINE_BYTES } from '../split-lines.ts'
import { BatchWriter } from './batch-writer.ts'
import { MAX_TEMPLATE_BYTES } from './line-templates.ts'
import { RequestGrouper } from './group-by-request.ts'
import { FastParser } from './fast-parser.ts'
import type { BlockBytes } from './read-block.ts'

/** What a block of a log holds: the kinds are those that are new since the block before. */
export type ScannedBlock = Omit<RecordBlock, 'file' | 'index' | 'startTime'>

/** The shortest line that the quick path reads. */
const MIN_LINE_BYTES = 128
const LINES_PER_CALL = 512
/** Bytes that the quick path may look at beyond the last line. */
export const PADDING_BYTES = MAX_TEMPLATE_BYTES + 256

/**
 * Reads the lines of a block of a log into rows.
 *
 * A line in the exact form in which it is written is read where it stands, without a text or an object. Any other
 * line takes the careful path, {@link parseLine}, which alone decides what a line means.
 */
export class LineScanner {
  readonly #writer = new BatchWriter()
  readonly #fast = new FastParser(this.#writer)
  readonly #grouper = new RequestGrouper()
  #partials: PartialRecord[] = []
  #otherLines = 0
  #damagedLines = 0
  #line = 0

  /**
   * @param bytes whole lines from `start` to `end`, and {@link PADDING_BYTES} more bytes after it
   * @param first whether the block starts its file, where a byte order mark may stand
   * @param spare rows that nobody needs any more
   */
  scan({ bytes, start: begin, end }: BlockBytes, first: boolean, spare?: RecordBatch): ScannedBlock {
    this.#partials = []
    this.#otherLines = this.#damagedLines = 0
    this.#writer.reset(Math.ceil((end - begin) / MIN_LINE_BYTES))
    this.#fast.startBlock(bytes, end)
    this.#line = 0
    let start = begin
    if (first && start < end) start = this.#parseSlowly(bytes, start, end, true)
    while (start < end) start = this.#scanSome(bytes, start, end)
    const { kinds, extras } = this.#writer.drain()
    return {
      ...this.#grouper.group(this.#writer.batch, extras, spare),
      kinds,
      partials: this.#partials,
      lines: this.#line,
      otherLines: this.#otherLines,
      damagedLines: this.#damagedLines,
    }
  }

  /** Reads so many lines at a time: code that never returns is never made quick. */
  #scanSome(bytes: Buffer, begin: number, end: number): number {
    let start = begin
    for (let count = 0; count < LINES_PER_CALL && start < end; count += 1) {
      const next = end - start < MIN_LINE_BYTES ? 0 : this.#fast.read(start, this.#line)
      if (next === 0) start = this.#parseSlowly(bytes, start, end, false)
      else {
        start = next
        this.#line += 1
      }
    }
    return start
  }

  /** Reads the line that starts there by the slow path; returns where the next one starts. */
  #parseSlowly(bytes: Buffer, start: number, end: number, first: boolean): number {
    const line = this.#line
    this.#line += 1
    const feed = bytes.indexOf(10, start)
    const lineEnd = feed === -1 || feed > end ? end : feed
    const text = bytes.toString('utf8', start, Math.min(lineEnd, start + MAX_LINE_BYTES))
    const entries = parseLine(first && text.startsWith('\uFEFF') ? text.slice(1) : text)
    for (const entry of entries) {
      if (entry.kind === 'record') this.#writer.add(entry.record, line)
      else if (entry.kind === 'other') this.#otherLines += 1
      else {
        this.#damagedLines += 1
        if (entry.fragment !== undefined) this.#partials.push(entry.fragment)
      }
    }
    if (entries.length === 1 && entries[0]?.kind === 'record') this.#fast.learn(bytes.subarray(start, lineEnd))
    return lineEnd + 1
  }
}
