import pc from 'picocolors'
import type { AuditReport, StuckEntry } from '../audit/report.ts'
import { formatDuration, formatTime } from '../machine/duration.ts'
import { callsTable } from './calls-table.ts'
import { servicesIn, servicesTable, statesTable } from './dwell-tables.ts'
import type { Io } from './io.ts'
import { pluralize, firstRows, tableRows } from './table-rows.ts'

/** How the tables are printed. */
export interface TableOptions extends Pick<Io, 'colour'> {
  /** Whether thresholds were given. Then the table of services is printed, which shows the threshold of each. */
  readonly limits: boolean
}

/** A report as text: the result first, then the findings, the states and the paths. Empty tables are left out. */
export function auditTable(report: AuditReport, { colour, limits }: TableOptions): string {
  const { invalid, gaps, undelivered, paths, calls } = report
  const { hanging, leftByShutdown } = byCause(report)
  const sections = [
    hanging.length === 0 ? '' : `\nstuck\n${stuckTable(hanging)}\n`,
    leftByShutdown.length === 0
      ? ''
      : `\nleft by a shutdown: the process has ended, and the request has not\n${stuckTable(leftByShutdown)}\n`,
    invalid.length === 0 ? '' : `\ninvalid\n${invalidTable(report)}\n`,
    undelivered.length === 0
      ? ''
      : `\nundelivered: handed off, and no worker line since\n${undeliveredTable(report)}\n`,
    gaps.length === 0 ? '' : `\ngaps\n${gapTable(report)}\n`,
    calls === undefined ? '' : `\ncalls\n${callsTable(calls)}\n`,
    `\nstates\n${statesTable(report)}\n`,
    limits || servicesIn(report).size > 1 ? `\nservices\n${servicesTable(report)}\n` : '',
    paths.length === 0 ? '' : `\npaths\n${pathTable(report)}\n`,
  ]
  return `${summary(report, colour)}${sections.join('')}`
}

/** Stuck requests by what is known of the cause: one that a shutdown left behind is no hang. */
function byCause({ stuck }: AuditReport): { hanging: readonly StuckEntry[]; leftByShutdown: readonly StuckEntry[] } {
  return {
    hanging: stuck.filter(({ cause }) => cause === null),
    leftByShutdown: stuck.filter(({ cause }) => cause === 'shutdown'),
  }
}

function summary(report: AuditReport, colour: boolean): string {
  const { checked, stuck, invalid, gaps, duplicates, attempts } = report
  const paint = pc.createColors(colour)
  const { hanging, leftByShutdown } = byCause(report)
  const left = leftByShutdown.length === 0 ? '' : `, ${leftByShutdown.length} left by a shutdown`
  const result =
    stuck.length + invalid.length === 0
      ? paint.green('nothing stuck, no invalid path')
      : paint.red(`${pluralize(hanging.length, 'request')} stuck${left}, ${pluralize(invalid.length, 'invalid line')}`)
  const requests = `${pluralize(checked.requests, 'request')} in ${pluralize(checked.traces, 'trace')}`
  const lines = `${pluralize(checked.transitions, 'transition')} in ${pluralize(checked.lines, 'line')}`
  const notes = [
    checked.other_lines > 0 ? pluralize(checked.other_lines, 'other line') : '',
    checked.damaged_lines > 0 ? pluralize(checked.damaged_lines, 'damaged line') : '',
    gaps.length > 0 ? `${pluralize(gaps.length, 'request')} with gaps` : '',
    duplicates > 0 ? pluralize(duplicates, 'duplicate completion') : '',
  ].filter((part) => part !== '')
  const rest = notes.length === 0 ? '' : `; ${notes.join(', ')}`
  return `${result}\n${requests}, ${lines}${rest}\n${attemptLine(attempts)}`
}

/** How many requests took several attempts. The others need no mention. */
function attemptLine(attempts: AuditReport['attempts']): string {
  const [first, ...others] = Object.entries(attempts).filter(([count]) => count !== '1')
  if (first === undefined) return ''
  const [count, requests] = first
  const more = others.map(([count, requests]) => `${requests.toLocaleString('en')} took ${count}`)
  return `${[`${pluralize(requests, 'request')} took ${count} attempts`, ...more].join(', ')}\n`
}

function stuckTable(stuck: readonly StuckEntry[]): string {
  return tableRows(
    ['state', 'for', 'limit', 'since', 'service', 'trace_id', 'request_id', 'attempts', 'last error'],
    stuck.map(({ state, age_ms, stuck_after_ms, since, service, trace_id, request_id, attempts, last_error }) => [
      state,
      formatDuration(age_ms),
      formatDuration(stuck_after_ms),
      formatTime(since),
      service,
      trace_id,
      request_id,
      String(attempts),
      last_error === null ? '' : `${last_error.type}: ${last_error.message}`.slice(0, 60),
    ]),
  )
}

function invalidTable({ invalid }: AuditReport): string {
  return tableRows(
    ['reason', 'service', 'trace_id', 'request_id', 'where'],
    invalid.map(({ reason, service, trace_id, request_id, file, line }) => [
      reason,
      service,
      trace_id,
      request_id,
      `${file}:${line}`,
    ]),
  )
}

/** If a queue has stopped, all of its requests are undelivered. A screenful of them is enough. */
const MAX_UNDELIVERED = 20

function undeliveredTable({ undelivered }: AuditReport): string {
  return firstRows(
    MAX_UNDELIVERED,
    ['for', 'since', 'service', 'trace_id', 'request_id'],
    undelivered.map(({ age_ms, since, service, trace_id, request_id }) => [
      formatDuration(age_ms),
      formatTime(since),
      service,
      trace_id,
      request_id,
    ]),
  )
}

/** The log of one service out of several has a gap in every request. A screenful of them is enough. */
const MAX_GAPS = 20

function gapTable({ gaps }: AuditReport): string {
  return firstRows(
    MAX_GAPS,
    ['trace_id', 'request_id', 'missing seq'],
    gaps.map(({ trace_id, request_id, missing_seq }) => [trace_id, request_id, missing_seq.join(', ')]),
  )
}

const MAX_PATHS = 10
/** The path of a request with many attempts would fill a screen by itself. */
const MAX_PATH_LENGTH = 160

function pathTable({ paths }: AuditReport): string {
  return firstRows(
    MAX_PATHS,
    ['requests', 'path'],
    paths.map(({ path, requests }) => [
      requests.toLocaleString('en'),
      path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH - 4)} ...` : path,
    ]),
  )
}
