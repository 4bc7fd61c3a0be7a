import pc from 'picocolors'
import type { Finding } from '../audit/live/live-audit.ts'
import { ThroughlineError } from '../errors.ts'
import { STDIN } from '../logs/files/resolve.ts'
import { formatDuration, formatTime } from '../machine/duration.ts'
import { FollowedAudit, type FollowOptions } from '../queries/follow.ts'
import { sanitizeForTerminal } from '../record/sanitize.ts'
import type { ExitStatus, Io } from './io.ts'

/** How `throughline audit --follow` reads and prints. */
export interface FollowCommandOptions extends Omit<FollowOptions, 'onWarning'> {
  readonly format: 'table' | 'json' | 'ndjson'
  readonly io: Pick<Io, 'out' | 'err' | 'colour' | 'gone'>
}

/**
 * `throughline audit --follow`: prints each finding until the signal, the end of standard input, or until its output is
 * closed.
 *
 * @returns 1 if a request is stuck at the end or an invalid line was reported, else 0
 * @throws ThroughlineError THROUGHLINE_USAGE for the format `json`, and what {@link FollowedAudit} throws
 */
export async function followAudit(
  names: readonly string[],
  { format, io, ...options }: FollowCommandOptions,
): Promise<ExitStatus> {
  if (format === 'json') {
    throw new ThroughlineError(
      'THROUGHLINE_USAGE',
      '--format json prints one object at the end, and --follow has no end: use --format ndjson',
    )
  }
  const { now = Date.now } = options
  const onWarning = (sentence: string): void => io.err(`throughline: ${sanitizeForTerminal(sentence)}\n`)
  const audit = new FollowedAudit(names, { ...options, onWarning })
  io.err(`throughline: watching ${names.map((name) => (name === STDIN ? 'standard input' : name)).join(', ')}\n`)
  let invalid = false
  for await (const finding of audit.findings()) {
    invalid ||= finding.finding === 'invalid'
    io.out(format === 'ndjson' ? `${JSON.stringify(finding)}\n` : findingLine(finding, now(), io))
    if (io.gone === true) break
  }
  return audit.stuck > 0 || invalid ? 1 : 0
}

/** Runs a command that ends on SIGINT or SIGTERM. A second signal ends the process, because it has no handler. */
export async function untilSignal<T>(command: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, abort)
  }
  const abort = (): void => {
    release()
    controller.abort()
  }
  for (const name of SIGNALS) process.on(name, abort)
  try {
    return await command(controller.signal)
  } finally {
    release()
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** A finding as one line for a terminal. */
function findingLine(finding: Finding, time: number, { colour }: Pick<Io, 'colour'>): string {
  const paint = pc.createColors(colour)
  const [label, what, detail] = describe(finding)
  const painted = { stuck: paint.red, moved_on: paint.green, invalid: paint.yellow }[finding.finding](label.padEnd(8))
  const parts = [what, finding.service, finding.trace_id, finding.request_id, detail]
    .filter((part) => part !== '')
    .map(sanitizeForTerminal)
  return `${paint.dim(formatTime(time))}  ${painted}  ${parts.join('  ')}\n`
}

function describe(finding: Finding): readonly [label: string, what: string, detail: string] {
  switch (finding.finding) {
    case 'stuck': {
      const { state, age_ms, stuck_after_ms, last_error } = finding
      const error = last_error === null ? '' : `${last_error.type}: ${last_error.message}`.slice(0, 60)
      return ['STUCK', `${state} for ${formatDuration(age_ms)}, limit ${formatDuration(stuck_after_ms)}`, error]
    }
    case 'moved_on':
      return ['MOVED ON', `${finding.was} -> ${finding.state} after ${formatDuration(finding.stuck_for_ms)}`, '']
    case 'invalid':
      return ['INVALID', finding.reason, `${finding.file}:${finding.line}`]
  }
}
