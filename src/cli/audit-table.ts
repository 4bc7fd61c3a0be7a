import Table from 'cli-table3'
import pc from 'picocolors'
import type { AuditReport } from '../audit/report.ts'
import type { StuckRequest } from '../transition/stuck.ts'
import { formatDuration, formatTime } from '../lifecycle/duration.ts'
import { harmless } from '../story/text.ts'
import type { Io } from './io.ts'

/** The audit for a person: the verdict first, then what was found, then the states. */
export function auditTable(report: AuditReport, { colour }: Pick<Io, 'colour'>): string {
  const paint = pc.createColors(colour)
  const { checked, stuck, invalid, gaps, duplicates } = report
  const verdict =
    stuck.length + invalid.length === 0
      ? paint.green('nothing stuck, no invalid path')
      : paint.red(`${counted(stuck.length, 'request')} stuck, ${counted(invalid.length, 'invalid line')}`)
  const read = `${counted(checked.requests, 'request')} in ${counted(checked.traces, 'trace')}, ${counted(checked.transitions, 'transition')} in ${counted(checked.lines, 'line')}`
  const aside = [
    checked.other_lines > 0 ? `${counted(checked.other_lines, 'line')} of others` : '',
    checked.damaged_lines > 0 ? counted(checked.damaged_lines, 'damaged line') : '',
    gaps.length > 0 ? `${counted(gaps.length, 'request')} with gaps` : '',
    duplicates > 0 ? counted(duplicates, 'duplicate completion') : '',
  ].filter((part) => part !== '')
  const sections = [
    stuck.length === 0 ? '' : `\nstuck\n${stuckTable(stuck)}\n`,
    invalid.length === 0 ? '' : `\ninvalid\n${invalidTable(report)}\n`,
    gaps.length === 0 ? '' : `\ngaps\n${gapTable(report)}\n`,
    `\nstates\n${statesTable(report)}\n`,
  ]
  return `${verdict}\n${read}${aside.length === 0 ? '' : `; ${aside.join(', ')}`}\n${sections.join('')}`
}

function stuckTable(stuck: readonly StuckRequest[]): string {
  return rows(
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
  return rows(
    ['reason', 'service', 'trace_id', 'request_id', 'where'],
    invalid.map(({ reason, service, trace_id, request_id, file, line }) => [reason, service, trace_id, request_id, `${file}:${String(line)}`]),
  )
}

function gapTable({ gaps }: AuditReport): string {
  const told = gaps.slice(0, MOST_GAPS).map(({ trace_id, request_id, missing_seq }) => [trace_id, request_id, missing_seq.join(', ')])
  const more = gaps.length - told.length
  return rows(['trace_id', 'request_id', 'missing seq'], told) + (more > 0 ? `\n  and ${String(more)} more: see --format json` : '')
}

/** A log of one service of several has a gap in every request: a screen of them tells enough. */
const MOST_GAPS = 20

function statesTable({ states }: AuditReport): string {
  return rows(
    ['state', 'entered', 'open', 'p50', 'p95', 'p99', 'max'],
    Object.entries(states).map(([name, { entered, open, dwell_ms }]) => [
      name,
      String(entered),
      String(open),
      ...[dwell_ms.p50, dwell_ms.p95, dwell_ms.p99, dwell_ms.max].map((ms) => (ms === null ? '' : formatDuration(ms))),
    ]),
  )
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const plain = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' }
  const lines = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' }
  const table = new Table({ head: [...head], chars: { ...plain, ...lines }, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } })
  table.push(...body.map((row) => row.map(harmless)))
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n')
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
