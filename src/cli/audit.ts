import { parseStuckThresholds } from '../audit/stuck-thresholds.ts'
import { ThroughlineError } from '../errors.ts'
import { auditEntries } from '../queries/audit-blocks.ts'
import { auditFiles, foundWrong, type AuditOptions, type AuditReport } from '../queries/audit.ts'
import { auditTable } from './audit-table.ts'
import { logFiles, parseTime } from './inputs.ts'
import type { ExitStatus, Io } from './io.ts'
import { lokiEntries } from './loki-entries.ts'
import { auditSource, type LokiFlags } from './loki-flags.ts'
import { machineFrom, tableFrom } from './machine-file.ts'
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
  if (flags.follow === true) return runFollow(names, flags, io)
  const report = await runAudit(names, flags, io)
  if (report.checked.requests === 0)
    io.err(`throughline: none of the ${String(report.checked.lines)} lines is a lifecycle line of throughline's\n`)
  if (flags.format === 'json') io.out(`${JSON.stringify(report, null, 2)}\n`)
  else
    io.out(
      flags.format === 'table'
        ? auditTable(report, { colour: io.colour, limits: flags.stuckAfter !== undefined })
        : findings(report),
    )
  return foundWrong(report) ? 1 : 0
}

async function runAudit(names: readonly string[], flags: AuditFlags, io: Io): Promise<AuditReport> {
  const source = auditSource(flags, { names, env: process.env, now: Date.now() })
  const now = flags.now === undefined ? source?.end : flags.now === 'end' ? 'end' : parseTime(flags.now)
  const options: AuditOptions = {
    machine: await machineFrom(flags.machine),
    ...(flags.stuckAfter === undefined ? {} : { stuckAfter: flags.stuckAfter }),
    ...(now === undefined ? {} : { now }),
  }
  if (source !== undefined) return auditEntries(lokiEntries(source, io), options)
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

async function runFollow(names: readonly string[], flags: AuditFlags, io: Io): Promise<ExitStatus> {
  refuseBesideFollow(flags)
  const table = await tableFrom(flags.machine)
  const limits = parseStuckThresholds(table, flags.stuckAfter)
  if (limits.auto)
    throw usage(
      '--stuck-after auto learns from a log that is whole, and --follow has none: give a duration, such as --stuck-after 30s',
    )
  const watched = names.length === 0 ? await logFiles([]) : names
  const { endSignal, followAudit } = await import('./audit-follow.ts')
  const { signal, release } = endSignal()
  try {
    const limitOf = (state: string): number => limits.states.get(state)?.stuck_after_ms ?? Infinity
    return await followAudit(watched, { table, limitOf, format: flags.format, io, signal })
  } finally {
    release()
  }
}

function refuseBesideFollow(flags: AuditFlags): void {
  if (flags.now !== undefined)
    throw usage(`--now ${flags.now} is one moment, and --follow goes on: leave one of them out`)
  const named = (['loki', 'query', 'since', 'until', 'lokiTenant'] as const).find((name) => flags[name] !== undefined)
  if (named === undefined) return
  throw usage(
    `--${named === 'lokiTenant' ? 'loki-tenant' : named} reads from Loki, and --follow from files as they grow: leave one of them out`,
  )
}

function findings({ stuck, invalid, undelivered, gaps }: AuditReport): string {
  const told = [
    ...stuck.map(finding('stuck')),
    ...invalid.map(finding('invalid')),
    ...undelivered.map(finding('undelivered')),
    ...gaps.map(finding('gap')),
  ]
  return told.map((found) => `${JSON.stringify(found)}\n`).join('')
}

function finding(kind: string): (found: object) => object {
  return (found) => ({ finding: kind, ...found })
}

function usage(message: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_USAGE', message)
}
