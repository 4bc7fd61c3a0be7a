import type { AuditReport } from '../audit/report.ts'
import { resolveFiles } from '../logs/files/open.ts'
import { LogScan, type ScanOptions } from '../logs/scan/scan-logs.ts'
import { auditBlocks, auditEntries, type AuditOptions } from './audit-blocks.ts'
import { batchEntries, type LogLines } from './log-lines.ts'

export { foundWrong } from '../audit/build-report.ts'
export type { StuckLimit } from '../audit/stuck-thresholds.ts'
export type * from '../audit/report.ts'
export type { StuckRequest } from '../record/stuck-request.ts'
export type { AuditOptions } from './audit-blocks.ts'
export type { LogLines } from './log-lines.ts'

/** How files are read besides. */
export interface AuditFilesOptions extends AuditOptions, ScanOptions {}

/**
 * Audits log files: which requests are stuck, and which lines no run of the machine writes.
 *
 * It reads over all cores, and its memory is bounded by the requests that are open at the same time, where each file is
 * roughly in order of time. Files may be plain, gzip or zstd. What is damaged in a packed one counts as one damaged line.
 *
 * @param names files and globs; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be read
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for a threshold that cannot be used
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED where a log cannot be checked against the machine
 * @example const { stuck } = await auditFiles(['logs/*.ndjson'], { stuckAfter: ['1m', 'Queued=15m'] })
 */
export async function auditFiles(names: readonly string[], options: AuditFilesOptions = {}): Promise<AuditReport> {
  // A log that is read twice, or looked into before, is damaged once.
  const damages = new Set<string>()
  const damaged = (sentence: string): void => {
    if (damages.has(sentence)) return
    damages.add(sentence)
    options.onDamage?.(sentence)
  }
  const logs = new LogScan(await resolveFiles(names), { ...options, onDamage: damaged })
  try {
    return withDamaged(await auditBlocks(() => logs.blocks(), logs.rereadable, options), damages.size)
  } finally {
    logs.close()
  }
}

function withDamaged(report: AuditReport, count: number): AuditReport {
  const { lines, damaged_lines } = report.checked
  return { ...report, checked: { ...report.checked, lines: lines + count, damaged_lines: damaged_lines + count } }
}

/**
 * Audits lines from anywhere, as they come.
 *
 * What ended and is forgotten is remembered in eight bytes a request, since the lines cannot be asked for again.
 *
 * @param lines texts of lines, parsed lines or records, or bytes of a whole log, one after the other
 * @throws ThroughlineError as {@link auditFiles}, files aside
 * @example const report = await audit(createReadStream('app.ndjson'), { now: 'end' })
 */
export async function audit(lines: LogLines, options: AuditOptions = {}): Promise<AuditReport> {
  return auditEntries(batchEntries(lines), options)
}
