import type { Fragment } from '../../record/partial-record.ts'
import type { RecordBlock, RecordRows } from '../../record/record-batch.ts'
import { parseLine } from '../parse-line.ts'
import { LONGEST_LINE } from '../split-lines.ts'
import { RowsWriter } from './batch-writer.ts'
import { LONGEST_FORM } from './line-templates.ts'
import { Grouper } from './group-by-request.ts'
import { QuickLine } from './fast-parser.ts'
import type { BlockBytes } from './read-block.ts'

/** What a block of a log holds: the kinds are those that are new since the block before. */
export type ScannedBlock = Omit<RecordBlock, 'file' | 'index' | 'begins'>

/** The shortest line that the quick path reads. */
const SHORTEST = 128
const LINES_AT_ONCE = 512
/** Bytes that the quick path may look at beyond the last line. */
export const SLACK = LONGEST_FORM + 256

/**
 * Reads the lines of a block of a log into rows.
 *
 * A line in the exact form in which it is written is read where it stands, without a text or an object. Any other
 * line takes the careful path, {@link parseLine}, which alone decides what a line means.
 */
export class LineScanner {
  readonly #writer = new RowsWriter()
  readonly #quick = new QuickLine(this.#writer)
  readonly #grouper = new Grouper()
  #fragments: Fragment[] = []
  #others = 0
  #damaged = 0
  #line = 0

  /**
   * @param bytes whole lines from `start` to `end`, and {@link SLACK} more bytes after it
   * @param first whether the block begins its file, where a byte order mark may stand
   * @param spare rows that nobody needs any more
   */
  scan({ bytes, start: begin, end }: BlockBytes, first: boolean, spare?: RecordRows): ScannedBlock {
    this.#fragments = []
    this.#others = this.#damaged = 0
    this.#writer.begin(Math.ceil((end - begin) / SHORTEST))
    this.#quick.begin(bytes, end)
    this.#line = 0
    let start = begin
    if (first && start < end) start = this.#careful(bytes, start, end, true)
    while (start < end) start = this.#some(bytes, start, end)
    const { kinds, odd } = this.#writer.take()
    return { ...this.#grouper.group(this.#writer.rows, odd, spare), kinds, fragments: this.#fragments, lines: this.#line, others: this.#others, damaged: this.#damaged }
  }

  /** Reads so many lines at a time: code that never returns is never made quick. */
  #some(bytes: Buffer, begin: number, end: number): number {
    let start = begin
    for (let count = 0; count < LINES_AT_ONCE && start < end; count += 1) {
      const next = end - start < SHORTEST ? 0 : this.#quick.read(start, this.#line)
      if (next === 0) start = this.#careful(bytes, start, end, false)
      else {
        start = next
        this.#line += 1
      }
    }
    return start
  }

  /** Reads the line that begins there as the text that it is; where the next one begins. */
  #careful(bytes: Buffer, start: number, end: number, first: boolean): number {
    const line = this.#line
    this.#line += 1
    const feed = bytes.indexOf(10, start)
    const lineEnd = feed === -1 || feed > end ? end : feed
    const text = bytes.toString('utf8', start, Math.min(lineEnd, start + LONGEST_LINE))
    const entries = parseLine(first && text.startsWith('\uFEFF') ? text.slice(1) : text)
    for (const entry of entries) {
      if (entry.kind === 'record') this.#writer.add(entry.record, line)
      else if (entry.kind === 'other') this.#others += 1
      else {
        this.#damaged += 1
        if (entry.fragment !== undefined) this.#fragments.push(entry.fragment)
      }
    }
    if (entries.length === 1 && entries[0]?.kind === 'record') this.#quick.learn(bytes.subarray(start, lineEnd))
    return lineEnd + 1
  }
}
