import { addCallFact, type CallFact } from '../../record/call-facts.ts'
import type { PartialRecord } from '../../record/partial-record.ts'
import type { RecordBlock, RecordBatch } from '../../record/record-batch.ts'
import { parseLine } from '../parse-line.ts'
import { MAX_LINE_BYTES } from '../split-lines.ts'
import { BatchWriter } from './batch-writer.ts'
import { RequestGrouper } from './group-by-request.ts'
import { FastParser } from './fast-parser.ts'
import type { BlockBytes } from './file-blocks.ts'

/** The content of a block. Its kinds are those that are new since the block before. */
export type ScannedBlock = Omit<RecordBlock, 'file' | 'index' | 'startTime'>

/** The shortest line that the fast path reads. */
const MIN_LINE_BYTES = 128
const LINES_PER_CALL = 512

/**
 * Reads the lines of a block into rows.
 *
 * The fast path reads a line in the exact form of the default output from its bytes, without a string or an object. Any
 * other line takes the slow path, {@link parseLine}, which defines what a line means.
 */
export class LineScanner {
  readonly #writer = new BatchWriter()
  readonly #fast = new FastParser(this.#writer)
  readonly #grouper = new RequestGrouper()
  #partials: PartialRecord[] = []
  /** Undefined if the scan does not collect them. */
  #callFacts: CallFact[] | undefined
  #otherLines = 0
  #damagedLines = 0
  #line = 0

  /**
   * @param first whether the block is the first of its file, which may start with a byte order mark
   * @param spare a batch whose memory may be reused
   * @param withCalls whether facts about calls are collected: then all lines take the slow path
   */
  scan(
    { bytes, start: blockStart, end }: BlockBytes,
    first: boolean,
    spare?: RecordBatch,
    withCalls = false,
  ): ScannedBlock {
    this.#partials = []
    this.#callFacts = withCalls ? [] : undefined
    this.#otherLines = this.#damagedLines = 0
    this.#writer.reset(Math.ceil((end - blockStart) / MIN_LINE_BYTES))
    this.#fast.startBlock(bytes, end)
    this.#line = 0
    let start = blockStart
    if (first && start < end) start = this.#parseSlowly(bytes, start, end, true)
    if (withCalls) while (start < end) start = this.#parseSlowly(bytes, start, end, false)
    while (start < end) start = this.#scanSome(bytes, start, end)
    const { kinds, extras } = this.#writer.drain()
    return {
      ...this.#grouper.group(this.#writer.batch, extras, spare),
      kinds,
      partials: this.#partials,
      ...(this.#callFacts === undefined ? {} : { callFacts: this.#callFacts }),
      lines: this.#line,
      otherLines: this.#otherLines,
      damagedLines: this.#damagedLines,
    }
  }

  /** Works in batches, because V8 optimises the function only once it returns and is called again. */
  #scanSome(bytes: Buffer, from: number, end: number): number {
    let start = from
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

  /** Reads one line by the slow path, and returns where the next one starts. */
  #parseSlowly(bytes: Buffer, start: number, end: number, first: boolean): number {
    const line = this.#line
    this.#line += 1
    const feed = bytes.indexOf(10, start)
    const lineEnd = feed === -1 || feed > end ? end : feed
    const text = bytes.toString('utf8', start, Math.min(lineEnd, start + MAX_LINE_BYTES))
    const entries = parseLine(first && text.startsWith('\uFEFF') ? text.slice(1) : text)
    for (const entry of entries) {
      if (entry.kind === 'record') {
        this.#writer.add(entry.record, line)
        if (this.#callFacts !== undefined) addCallFact(this.#callFacts, entry.record)
      } else if (entry.kind === 'other') this.#otherLines += 1
      else {
        this.#damagedLines += 1
        if (entry.fragment !== undefined) this.#partials.push(entry.fragment)
      }
    }
    if (entries.length === 1 && entries[0]?.kind === 'record') this.#fast.learn(bytes.subarray(start, lineEnd))
    return lineEnd + 1
  }
}
