import type { AnyStateMachine } from 'xstate'
import { requestMachine } from '../../machines/request.ts'
import { BatchAudit } from '../audit/batch/batch-audit.ts'
import { emptyPins } from '../audit/batch/request-table.ts'
import type { AuditReport } from '../audit/report.ts'
import { parseStuckThresholds } from '../audit/stuck-thresholds.ts'
import type { LogSource } from '../logs/log-source.ts'
import { EntryBlocks } from '../logs/scan/entry-blocks.ts'
import { compile } from '../machine/compile.ts'
import type { RecordBlock } from '../record/record-batch.ts'

/** How an audit is run. */
export interface AuditOptions {
  /** The machine that wrote the lines; by default `machines/request.ts`. */
  readonly machine?: AnyStateMachine
  /** Thresholds as for `--stuck-after`: `'30s'`, `'Queued=15m'`, `'auto'`; by default the machine's `stuckAfter`. */
  readonly stuckAfter?: readonly string[]
  /** The time at which ages are measured, in epoch milliseconds; by default now. `'end'` is that of the last line. */
  readonly now?: number | 'end'
}

/**
 * Audits the lines of a source, in a second pass if late lines require one.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_DURATION, THROUGHLINE_BAD_STATE for an invalid threshold
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED if a log cannot be checked against the machine
 */
export async function auditSource(source: LogSource, options: AuditOptions = {}): Promise<AuditReport> {
  const { machine = requestMachine, stuckAfter = [], now = Date.now() } = options
  const table = compile(machine)
  const limits = parseStuckThresholds(table, stuckAfter)
  const pinned = emptyPins()
  for (;;) {
    const audit = new BatchAudit(table, { pinned, rereadable: source.rereadable })
    for await (const block of blocksOf(source)) audit.add(block)
    if (!audit.needsSecondPass()) return audit.report({ now, limits })
  }
}

async function* blocksOf(source: LogSource): AsyncGenerator<RecordBlock> {
  if (source.blocks !== undefined) {
    yield* source.blocks()
    return
  }
  const blocks = new EntryBlocks()
  for await (const entries of source.entries()) yield* blocks.toBlocks(entries)
}
