import { requestMachine } from '../../machines/request.ts'
import { parseStuckThresholds } from '../../src/audit/stuck-thresholds.ts'
import type { AuditReport } from '../../src/audit/report.ts'
import { compile } from '../../src/machine/compile.ts'
import { readLogs } from '../read-logs.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'
import { Gathered } from '../run-audit.ts'

/** What the audit makes of logs, long after their end and with no patience: whatever is open is stuck. */
export interface Judged {
  readonly report: AuditReport
  readonly records: readonly LifecycleRecord[]
  /** The trace ids of the stuck requests, sorted. */
  readonly stuck: readonly string[]
  /** The trace ids that any line names. */
  readonly known: ReadonlySet<string>
}

export const TABLE = compile(requestMachine)
const LIMITS = parseStuckThresholds(TABLE, ['1ms'])
const A_DAY = 86_400_000

/** Reads and audits log files. */
export async function judged(...files: readonly string[]): Promise<Judged> {
  const gathered = new Gathered()
  const records: LifecycleRecord[] = []
  for await (const entries of readLogs(files)) {
    gathered.add(entries)
    for (const entry of entries) if (entry.kind === 'record') records.push(entry.record)
  }
  return { records, ...verdictOn(gathered), known: new Set(records.map(({ trace_id }) => trace_id)) }
}

/** Audits what was gathered. */
export function verdictOn(gathered: Gathered): Pick<Judged, 'report' | 'stuck'> {
  const report = gathered.report({ table: TABLE, now: gathered.latest + A_DAY, limits: LIMITS })
  return { report, stuck: report.stuck.map(({ trace_id }) => trace_id).sort() }
}
