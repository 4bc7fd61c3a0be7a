import type { RecordBlock, RecordKind } from '../../record/record-batch.ts'
import type { Fragment } from '../../record/partial-record.ts'
import { readRecord } from '../../record/line.ts'
import { parseLine, type LogEntry } from '../parse-line.ts'
import type { LocatedEntry } from '../log-entry.ts'
import { RowsWriter } from './batch-writer.ts'
import { Grouper } from './group-by-request.ts'

/** Puts entries that were read by themselves into blocks, one for each batch and file. */
export class EntryBlocks {
  readonly #writer = new RowsWriter()
  readonly #grouper = new Grouper()
  readonly #kinds: RecordKind[] = []
  readonly #files = new Map<string, { blocks: number; lines: number }>()

  of(entries: readonly LocatedEntry[]): RecordBlock[] {
    return [...new Set(entries.map((entry) => entry.file))].map((file) => this.#block(file, entries.filter((entry) => entry.file === file)))
  }

  #block(file: string, entries: readonly LocatedEntry[]): RecordBlock {
    const known = this.#files.get(file) ?? { blocks: 0, lines: 0 }
    const fragments: Fragment[] = []
    let [others, damaged, begins] = [0, 0, Infinity]
    this.#writer.begin(entries.length)
    for (const entry of entries) {
      if (entry.kind === 'record') {
        this.#writer.add(entry.record, entry.line - known.lines - 1)
        begins = Math.min(begins, entry.record.time)
      } else if (entry.kind === 'other') others += 1
      else {
        damaged += 1
        if (entry.fragment !== undefined) fragments.push(entry.fragment)
      }
    }
    const { kinds, odd } = this.#writer.take()
    this.#kinds.push(...kinds)
    const grouped = this.#grouper.group(this.#writer.rows, odd)
    const lines = Math.max(0, (entries.at(-1)?.line ?? 0) - known.lines)
    this.#files.set(file, { blocks: known.blocks + 1, lines: known.lines + lines })
    return { ...grouped, kinds: this.#kinds, fragments, lines, others, damaged, file, index: known.blocks, begins: Number.isFinite(begins) ? begins : -Infinity }
  }
}

/** What a program hands over as a line of a log: its text, or what it was parsed to. */
export function entriesIn(line: string | object): LogEntry[] {
  if (typeof line === 'string') return parseLine(line)
  const record = readRecord(line)
  if (record === 'damaged') return [{ kind: 'damaged' }]
  return record === 'other' ? [{ kind: 'other', fields: line }] : [{ kind: 'record', record, fields: line }]
}
