import type { AuditReport } from '../audit/report.ts'
import { fileSource, type FileSourceOptions } from '../logs/sources/file-source.ts'
import { lineSource, type LogLines } from '../logs/sources/line-source.ts'
import { auditSource, type AuditOptions } from './audit-source.ts'

export { foundWrong } from '../audit/build-report.ts'
export type { StuckLimit } from '../audit/stuck-thresholds.ts'
export type * from '../audit/report.ts'
export type { StuckRequest } from '../record/stuck-request.ts'
export type { AuditOptions } from './audit-source.ts'
export type { LogLines } from '../logs/sources/line-source.ts'

/** How an audit of files is run. */
export interface AuditFilesOptions extends AuditOptions, FileSourceOptions {}

/**
 * Audits log files: which requests are stuck, and which lines no run of the machine could have written.
 *
 * It reads on all cores. In files that are roughly in order of time, its memory depends only on the requests that are
 * open at the same time. Files may be plain, gzip or zstd. The corrupted rest of a compressed file counts as one
 * damaged line.
 *
 * @param names files and globs; `-` is standard input
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE for a file that cannot be read
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for an invalid threshold
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
 * @example const { stuck } = await auditFiles(['logs/*.ndjson'], { stuckAfter: ['1m', 'Queued=15m'] })
 */
export async function auditFiles(names: readonly string[], options: AuditFilesOptions = {}): Promise<AuditReport> {
  const source = await fileSource(names, options)
  try {
    return await auditSource(source, options)
  } finally {
    source.close()
  }
}

/**
 * Audits lines from any other place, as they arrive.
 *
 * The lines are read once. For each request that has ended and is no longer in memory, eight bytes are kept.
 *
 * @param lines strings of one line each, parsed lines, records, or the bytes of a log in chunks
 * @throws ThroughlineError as {@link auditFiles}, except for files
 * @example const report = await audit(createReadStream('app.ndjson'), { now: 'end' })
 */
export async function audit(lines: LogLines, options: AuditOptions = {}): Promise<AuditReport> {
  return auditSource(lineSource(lines), options)
}
