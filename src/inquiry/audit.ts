import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { Auditor } from '../audit/auditor.ts'
import { nothingPinned } from '../audit/ledger.ts'
import { stuckLimits } from '../audit/limits.ts'
import type { AuditReport } from '../audit/report.ts'
import { compile } from '../lifecycle/compile.ts'
import { resolveFiles } from '../logs/log-files.ts'
import type { LocatedEntry } from '../logs/read-logs.ts'
import { EntryBlocks } from '../logs/scan/entry-blocks.ts'
import { LogScan, type ScanOptions } from '../logs/scan/scan-logs.ts'
import type { RecordBlock } from '../transition/rows.ts'
import { entryBatches, type LogLines } from './log-lines.ts'

export { foundWrong } from '../audit/findings.ts'
export type * from '../audit/report.ts'
export type { StuckLimit } from '../audit/limits.ts'
export type { StuckRequest } from '../transition/stuck.ts'
export type { LogLines } from './log-lines.ts'

/** What an audit is asked. */
export interface AuditOptions {
  /** The machine that wrote the lines: the default one unless told. */
  readonly machine?: AnyStateMachine
  /** Thresholds as on the command line: `'30s'`, `'Queued=15m'`, `'auto'`. The machine's `meta.stuckAfter` unless told. */
  readonly stuckAfter?: readonly string[]
  /** The moment to which ages are counted, in epoch milliseconds: now unless told; `'end'` for the last line's time. */
  readonly now?: number | 'end'
}

/** How files are read besides. */
export interface AuditFilesOptions extends AuditOptions, Pick<ScanOptions, 'onDamage' | 'onProgress' | 'threads'> {}

/**
 * Audits log files: which requests are stuck, and which lines no run of the machine writes.
 *
 * It reads over all cores, and its memory is bounded by the requests that are open at the same time, where each file is
 * roughly in order of time. Files may be plain, gzip or zstd.
 *
 * @param names files and globs; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be read
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for a threshold that cannot be used
 * @example const { stuck } = await auditFiles(['logs/*.ndjson'], { stuckAfter: ['1m', 'Queued=15m'] })
 */
export async function auditFiles(names: readonly string[], { onDamage, onProgress, threads, ...asked }: AuditFilesOptions = {}): Promise<AuditReport> {
  const options = { ...(onDamage === undefined ? {} : { onDamage }), ...(onProgress === undefined ? {} : { onProgress }), ...(threads === undefined ? {} : { threads }) }
  const logs = new LogScan(await resolveFiles(names), options)
  try {
    return await auditBlocks(() => logs.blocks(), logs.again, asked)
  } finally {
    logs.close()
  }
}

/**
 * Audits lines from anywhere, as they come.
 *
 * What ended and is forgotten is remembered in eight bytes a request, since the lines cannot be asked for again.
 *
 * @param lines texts of lines, parsed lines or records, or bytes of a whole log, one after the other
 * @throws ThroughlineError as {@link auditFiles}
 * @example const report = await audit(createReadStream('app.ndjson'), { now: 'end' })
 */
export async function audit(lines: LogLines, options: AuditOptions = {}): Promise<AuditReport> {
  return auditEntries(entryBatches(lines), options)
}

/** Audits entries that were read already, batch by batch. */
export async function auditEntries(batches: AsyncIterable<LocatedEntry[]>, options: AuditOptions): Promise<AuditReport> {
  const blocks = new EntryBlocks()
  const read = async function* (): AsyncGenerator<RecordBlock> {
    for await (const entries of batches) yield* blocks.of(entries)
  }
  return auditBlocks(read, false, options)
}

async function auditBlocks(read: () => AsyncIterable<RecordBlock>, again: boolean, options: AuditOptions): Promise<AuditReport> {
  const { machine = requestMachine, stuckAfter = [], now = Date.now() } = options
  const table = compile(machine)
  const limits = stuckLimits(table, stuckAfter)
  const pinned = nothingPinned()
  for (;;) {
    const auditor = new Auditor(table, { pinned, again })
    for await (const block of read()) auditor.add(block)
    if (!auditor.mustReadAgain()) return auditor.report({ now, limits })
  }
}
