import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { BatchAudit } from '../audit/batch/batch-audit.ts'
import { emptyPins } from '../audit/batch/request-table.ts'
import { parseStuckThresholds } from '../audit/stuck-thresholds.ts'
import type { AuditReport } from '../audit/report.ts'
import { compile } from '../machine/compile.ts'
import type { LocatedEntry } from '../logs/log-entry.ts'
import { EntryBlocks } from '../logs/scan/entry-blocks.ts'
import type { RecordBlock } from '../record/record-batch.ts'

/** What an audit is asked. */
export interface AuditOptions {
  /** The machine that wrote the lines: the default one unless told. */
  readonly machine?: AnyStateMachine
  /** Thresholds as on the command line: `'30s'`, `'Queued=15m'`, `'auto'`. The machine's `meta.stuckAfter` unless told. */
  readonly stuckAfter?: readonly string[]
  /** The moment to which ages are counted, in epoch milliseconds: now unless told; `'end'` for the last line's time. */
  readonly now?: number | 'end'
}

/**
 * Audits entries that were read already, batch by batch.
 *
 * @throws ThroughlineError for a machine or a threshold that cannot be used
 */
export async function auditEntries(
  batches: AsyncIterable<LocatedEntry[]>,
  options: AuditOptions,
): Promise<AuditReport> {
  const blocks = new EntryBlocks()
  const read = async function* (): AsyncGenerator<RecordBlock> {
    for await (const entries of batches) yield* blocks.toBlocks(entries)
  }
  return auditBlocks(read, false, options)
}

/**
 * Audits blocks of records, once more where the first reading leaves doubts.
 *
 * @param rereadable whether `read` can be called more than once
 * @throws ThroughlineError as {@link auditEntries}
 */
export async function auditBlocks(
  read: () => AsyncIterable<RecordBlock>,
  rereadable: boolean,
  options: AuditOptions,
): Promise<AuditReport> {
  const { machine = requestMachine, stuckAfter = [], now = Date.now() } = options
  const table = compile(machine)
  const limits = parseStuckThresholds(table, stuckAfter)
  const pinned = emptyPins()
  for (;;) {
    const auditor = new BatchAudit(table, { pinned, rereadable })
    for await (const block of read()) auditor.add(block)
    if (!auditor.needsSecondPass()) return auditor.report({ now, limits })
  }
}
