import { foundWrong } from '../audit/findings.ts'
import type { AuditReport } from '../audit/report.ts'
import { auditEntries, auditFiles, type AuditOptions } from '../inquiry/audit.ts'
import { formatDuration } from '../lifecycle/duration.ts'
import { readLoki } from '../logs/loki/read-loki.ts'
import { auditTable } from './audit-table.ts'
import { logFiles, parseTime } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { auditSource, type LokiFlags } from './loki-flags.ts'
import { machineFrom } from './machine-file.ts'
import { progressBar } from './progress-bar.ts'

/** The flags of `throughline audit`. */
export interface AuditFlags extends LokiFlags {
  readonly stuckAfter?: readonly string[]
  readonly now?: string
  readonly machine?: string
  readonly format: 'table' | 'json' | 'ndjson'
  readonly follow?: boolean
}

/** `throughline audit`: which requests are stuck, and which lines no run of the machine writes. */
export async function auditCommand(names: readonly string[], flags: AuditFlags, io: Io): Promise<ExitStatus> {
  const report = await answer(names, flags, io)
  if (report.checked.requests === 0) io.err(`throughline: none of the ${String(report.checked.lines)} lines is a lifecycle line of throughline's\n`)
  if (flags.format === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`)
  else io.out(flags.format === 'table' ? auditTable(report, io) : findings(report))
  return foundWrong(report) ? 1 : 0
}

async function answer(names: readonly string[], flags: AuditFlags, io: Io): Promise<AuditReport> {
  const source = auditSource(flags, { names, env: process.env, now: Date.now() })
  const now = flags.now === undefined ? source?.end : flags.now === 'end' ? 'end' : parseTime(flags.now)
  const options: AuditOptions = {
    machine: await machineFrom(flags.machine),
    ...(flags.stuckAfter === undefined ? {} : { stuckAfter: flags.stuckAfter }),
    ...(now === undefined ? {} : { now }),
  }
  if (source !== undefined) {
    const onWait = (why: string, ms: number): void => {
      io.err(`throughline: Loki: ${why}; trying again in ${formatDuration(ms)}\n`)
    }
    return auditEntries(readLoki({ ...source, onWait }), options)
  }
  const bar = progressBar(io)
  try {
    return await auditFiles(await logFiles(names), {
      ...options,
      onDamage: (sentence) => {
        io.err(`throughline: ${sentence}\n`)
      },
      onProgress: (bytes, total) => {
        bar.update(bytes, total)
      },
    })
  } finally {
    bar.stop()
  }
}

function findings({ stuck, invalid, gaps }: AuditReport): string {
  const told = [...stuck.map(finding('stuck')), ...invalid.map(finding('invalid')), ...gaps.map(finding('gap'))]
  return told.map((found) => `${JSON.stringify(found)}\n`).join('')
}

function finding(kind: string): (found: object) => object {
  return (found) => ({ finding: kind, ...found })
}
