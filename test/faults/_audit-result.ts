import { requestMachine } from '../../machines/request.ts'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../src/audit/report.ts'
import { compile } from '../../src/machine/compile.ts'
import { readLogs } from '../read-logs.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { Gathered } from '../run-audit.ts'

/** The audit of logs a day after their last line, with a threshold of 1 ms: every open request is stuck. */
export interface AuditResult {
  readonly report: AuditReport
  readonly records: readonly LifecycleRecord[]
  /** The trace ids of the stuck requests, sorted. */
  readonly stuck: readonly string[]
  /** The trace ids of all records. */
  readonly logged: ReadonlySet<string>
}

const TABLE = compile(requestMachine)
const THRESHOLDS = parseStuckThresholds(TABLE, ['1ms'])
const DAY_MS = 86_400_000

/** Reads and audits log files. */
export async function auditFiles(...files: readonly string[]): Promise<AuditResult> {
  const gathered = new Gathered()
  const records: LifecycleRecord[] = []
  for await (const entries of readLogs(files)) {
    gathered.add(entries)
    for (const entry of entries) if (entry.kind === 'record') records.push(entry.record)
  }
  return { records, ...auditGathered(gathered), logged: new Set(records.map(({ trace_id }) => trace_id)) }
}

/** Audits records in memory. */
export function auditGathered(gathered: Gathered): Pick<AuditResult, 'report' | 'stuck'> {
  const report = gathered.report({ table: TABLE, now: gathered.latest + DAY_MS, limits: THRESHOLDS })
  return { report, stuck: report.stuck.map(({ trace_id }) => trace_id).sort() }
}
