import { BatchAudit } from '../audit/batch/batch-audit.ts'
import { emptyPins } from '../audit/batch/request-table.ts'
import { CallAudit } from '../audit/calls/call-audit.ts'
import type { AuditReport } from '../audit/report.ts'
import { parseStuckThresholds } from '../audit/stuck-thresholds.ts'
import type { LogSource } from '../logs/log-source.ts'
import { EntryBlocks } from '../logs/scan/entry-blocks.ts'
import { tableOf } from '../machine/default-table.ts'
import type { MachineLike } from '../machine/machine-like.ts'
import type { RecordBlock } from '../record/record-batch.ts'

/** How an audit is run. */
export interface AuditOptions {
  /** The machine that wrote the lines; by default `machines/request.ts`. */
  readonly machine?: MachineLike | undefined
  /** Thresholds as for `--stuck-after`: `'30s'`, `'Queued=15m'`, `'auto'`; by default the machine's `stuckAfter`. */
  readonly stuckAfter?: readonly string[]
  /** The time at which ages are measured, in epoch milliseconds; by default now. `'end'` is that of the last line. */
  readonly now?: number | 'end'
  /**
   * Whether calls are counted that left no line: a hop that was lost, or a service that does not log yet. The report
   * then has `calls`. It makes an audit slower, and takes memory for the calls that are not matched yet.
   *
   * @default false
   */
  readonly calls?: boolean
}

/**
 * Audits the lines of a source, in a second pass if late lines require one.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for an invalid threshold
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
 */
export async function auditSource(source: LogSource, options: AuditOptions = {}): Promise<AuditReport> {
  const { machine, stuckAfter = [], now = Date.now(), calls: withCalls = false } = options
  const table = tableOf(machine)
  const limits = parseStuckThresholds(table, stuckAfter)
  const pinned = emptyPins()
  for (;;) {
    const audit = new BatchAudit(table, { pinned, rereadable: source.rereadable })
    const calls = withCalls ? new CallAudit() : undefined
    for await (const block of blocksOf(source, withCalls)) {
      audit.add(block)
      calls?.add(block.callFacts ?? [])
    }
    if (audit.needsSecondPass()) continue
    const report = audit.report({ now, limits })
    return calls === undefined ? report : { ...report, calls: calls.report() }
  }
}

async function* blocksOf(source: LogSource, withCalls: boolean): AsyncGenerator<RecordBlock> {
  if (source.blocks !== undefined) {
    yield* source.blocks(withCalls)
    return
  }
  const blocks = new EntryBlocks(withCalls)
  for await (const entries of source.entries()) yield* blocks.toBlocks(entries)
}
