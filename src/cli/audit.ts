import { ThroughlineError } from '../errors.ts'
import { auditSource, type AuditOptions } from '../queries/audit-source.ts'
import { foundWrong, type AuditReport } from '../queries/audit.ts'
import { auditTable } from './audit-table.ts'
import type { ExitStatus, Io } from './io.ts'
import { lokiFlagIn, lokiForAudit, type LokiFlags } from './loki-flags.ts'
import { machineFrom } from './machine-file.ts'
import { namesOrInput, openSource } from './open-source.ts'
import { progressBar } from './progress-bar.ts'
import { parseTime } from './times.ts'

/** The flags of `throughline audit`. */
export interface AuditFlags extends LokiFlags {
  readonly stuckAfter?: readonly string[]
  readonly now?: string
  readonly machine?: string
  readonly format: 'table' | 'json' | 'ndjson'
  readonly calls?: boolean
  readonly follow?: boolean
}

/** `throughline audit`: which requests are stuck, and which lines no run of the machine could have written. */
export async function auditCommand(names: readonly string[], flags: AuditFlags, io: Io): Promise<ExitStatus> {
  if (flags.follow === true) return runFollow(names, flags, io)
  const report = await runAudit(names, flags, io)
  if (report.checked.requests === 0)
    io.err(`throughline: none of the ${report.checked.lines} lines was written by throughline\n`)
  io.out(render(report, flags, io))
  return foundWrong(report) ? 1 : 0
}

async function runAudit(names: readonly string[], flags: AuditFlags, io: Io): Promise<AuditReport> {
  const loki = lokiForAudit(flags, { names, env: process.env, now: Date.now() })
  const now = flags.now === undefined ? loki?.end : flags.now === 'end' ? 'end' : parseTime(flags.now)
  const options: AuditOptions = {
    machine: await machineFrom(flags.machine),
    ...(flags.stuckAfter === undefined ? {} : { stuckAfter: flags.stuckAfter }),
    ...(now === undefined ? {} : { now }),
    calls: flags.calls === true,
  }
  const bar = progressBar(io)
  const source = await openSource(names, loki, io, (bytes, total) => bar.update(bytes, total))
  try {
    return await auditSource(source, options)
  } finally {
    source.close?.()
    bar.stop()
  }
}

function render(report: AuditReport, { format, stuckAfter }: AuditFlags, { colour }: Io): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`
    case 'ndjson':
      return findings(report)
    case 'table':
      return auditTable(report, { colour, limits: stuckAfter !== undefined })
  }
}

function findings({ stuck, invalid, undelivered, gaps, calls }: AuditReport): string {
  const lost = Object.values(calls?.services ?? {}).flatMap(({ examples }) => examples)
  const labelled = { stuck, invalid, undelivered, gap: gaps, lost_call: lost }
  return Object.entries(labelled)
    .flatMap(([finding, entries]) => entries.map((entry) => `${JSON.stringify({ finding, ...entry })}\n`))
    .join('')
}

async function runFollow(names: readonly string[], flags: AuditFlags, io: Io): Promise<ExitStatus> {
  rejectWithFollow(flags)
  const machine = await machineFrom(flags.machine)
  const { followAudit, untilSignal } = await import('./audit-follow.ts')
  const { stuckAfter = [], format } = flags
  return untilSignal((signal) => followAudit(namesOrInput(names), { machine, stuckAfter, format, io, signal }))
}

function rejectWithFollow(flags: AuditFlags): void {
  if (flags.now !== undefined)
    throw usage(`--now ${flags.now} is a fixed time, and --follow keeps reading: use one of them`)
  if (flags.calls === true)
    throw usage('--calls needs a complete log, and --follow reads one that grows: use one of them')
  const loki = lokiFlagIn(flags)
  if (loki !== undefined) throw usage(`${loki} reads from Loki, and --follow from growing files: use one of them`)
}

function usage(message: string): ThroughlineError {
  return new ThroughlineError('THROUGHLINE_USAGE', message)
}
