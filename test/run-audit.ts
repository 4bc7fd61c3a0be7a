import { BatchAudit, type ReportOptions } from '../src/audit/batch/batch-audit.ts'
import { emptyPins } from '../src/audit/batch/request-table.ts'
import type { AuditReport } from '../src/audit/report.ts'
import type { TransitionTable } from '../src/machine/table.ts'
import { parseLine } from '../src/logs/parse-line.ts'
import type { LocatedEntry } from '../src/logs/log-entry.ts'
import { EntryBlocks } from '../src/logs/scan/entry-blocks.ts'
import { PADDING_BYTES } from '../src/logs/scan/file-blocks.ts'
import { LineScanner } from '../src/logs/scan/scan-lines.ts'
import type { RecordBlock, RecordKind } from '../src/record/record-batch.ts'
import type { LifecycleRecord } from '../src/record/record.ts'
import { linesOf, type Files } from './log-lines.ts'

/** How an audit is run: with blocks of so many lines, and with so many ended requests in memory. */
export interface Reading extends ReportOptions {
  readonly table: TransitionTable
  readonly blockLines?: number
  readonly maxEnded?: number
  readonly rereadable?: boolean
}

/** The report of an audit of files. */
export function audited(
  files: Files,
  { table, blockLines = Infinity, maxEnded, rereadable = true, ...question }: Reading,
): AuditReport {
  const pinned = emptyPins()
  for (;;) {
    const auditor = new BatchAudit(table, { pinned, rereadable, ...(maxEnded === undefined ? {} : { maxEnded }) })
    for (const block of blocks(files, blockLines)) auditor.add(block)
    if (!auditor.needsSecondPass()) return auditor.report(question)
  }
}

/** Records as they are read from the lines of the pino sink. */
export function asRead(records: readonly LifecycleRecord[]): Gathered {
  const gathered = new Gathered()
  for (const [index, text] of linesOf(records).entries())
    gathered.add(parseLine(text).map((entry) => ({ ...entry, file: 'all.ndjson', line: index + 1 })))
  return gathered
}

/** Collects the records of this process for an audit. */
export class Gathered {
  readonly #entries: LocatedEntry[] = []

  record = (record: LifecycleRecord, file = '', line = this.#entries.length + 1): void =>
    void this.#entries.push({ kind: 'record', record, fields: record, file, line })

  add(entries: readonly LocatedEntry[]): this {
    this.#entries.push(...entries)
    return this
  }

  /** The time of the latest record, in epoch milliseconds; 0 without records. */
  get latest(): number {
    return this.#entries.reduce(
      (latest, entry) => (entry.kind === 'record' ? Math.max(latest, entry.record.time) : latest),
      0,
    )
  }

  report({ table, ...question }: ReportOptions & { readonly table: TransitionTable }): AuditReport {
    const auditor = new BatchAudit(table, { pinned: emptyPins(), rereadable: true })
    for (const block of new EntryBlocks().toBlocks(this.#entries)) auditor.add(block)
    return auditor.report(question)
  }
}

/** The blocks in order of their first times, as several files are read. */
function blocks(files: Files, blockLines: number): RecordBlock[] {
  const scanner = new LineScanner()
  const kinds: RecordKind[] = []
  const all = Object.entries(files).flatMap(([file, lines]) => {
    const count = Math.max(1, Math.ceil(lines.length / blockLines))
    return Array.from({ length: count }, (_, index): RecordBlock => {
      const text = count === 1 ? lines : lines.slice(index * blockLines, (index + 1) * blockLines)
      const bytes = Buffer.from(text.map((line) => `${line}\n`).join(''))
      const scanned = scanner.scan(
        { bytes: Buffer.concat([bytes, Buffer.alloc(PADDING_BYTES)]), start: 0, end: bytes.length },
        index === 0,
      )
      kinds.push(...scanned.kinds)
      const startTime = /"time":(\d+)/.exec(text.join('\n'))?.[1]
      return { ...scanned, kinds, file, index, startTime: startTime === undefined ? -Infinity : Number(startTime) }
    })
  })
  return all.sort((a, b) => a.startTime - b.startTime)
}
