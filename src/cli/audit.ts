import { audit, foundWrong } from '../audit/audit.ts'
import { stuckLimits } from '../audit/limits.ts'
import { gather } from './gather.ts'
import { auditTable } from './audit-table.ts'
import { logFiles, parseTime } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { tableFrom } from './machine-file.ts'

/** The flags of `throughline audit`. */
export interface AuditFlags {
  readonly stuckAfter?: readonly string[]
  readonly now?: string
  readonly machine?: string
  readonly format: 'table' | 'json' | 'ndjson'
}

/** `throughline audit`: which requests are stuck, and which lines no run of the machine writes. */
export async function auditCommand(names: readonly string[], flags: AuditFlags, io: Io): Promise<ExitStatus> {
  const table = await tableFrom(flags.machine)
  const limits = stuckLimits(table, flags.stuckAfter)
  const asked = flags.now === undefined || flags.now === 'end' ? undefined : parseTime(flags.now)
  const evidence = await gather(await logFiles(names))
  const now = asked ?? (flags.now === 'end' ? (evidence.latest ?? Date.now()) : Date.now())
  const report = audit(evidence, { table, now, limits })
  if (report.checked.requests === 0) io.err(`throughline: none of the ${String(report.checked.lines)} lines is a lifecycle line of throughline's\n`)
  if (flags.format === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`)
  else if (flags.format === 'table') io.out(auditTable(report, io))
  else {
    const { stuck, invalid, gaps } = report
    const findings = [...stuck.map(finding('stuck')), ...invalid.map(finding('invalid')), ...gaps.map(finding('gap'))]
    io.out(findings.map((found) => `${JSON.stringify(found)}\n`).join(''))
  }
  return foundWrong(report) ? 1 : 0
}

function finding(kind: string): (found: object) => object {
  return (found) => ({ finding: kind, ...found })
}
