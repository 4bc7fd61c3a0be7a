import { formatDuration, formatTime } from '../machine/duration.ts'
import { sanitizeForTerminal } from '../record/sanitize.ts'
import { callPrefix, describeCall, isCallOf, waited } from './call-text.ts'
import type { StoryLine, StoryNote, StoryReport, StoryRequest, StoryTransition } from './report.ts'
import { endOf, startOf } from './story.ts'

/** One row of the waterfall: at one time, or over a span of time. */
interface Row {
  readonly from: number
  readonly to?: number
  readonly indent: number
  readonly text: string
}

/**
 * Formats a story as a waterfall for a terminal: the tree of requests, their states with times, the application's own
 * lines between them, and the gaps.
 *
 * Control characters in logged text are replaced, so that a log cannot send commands to the terminal.
 *
 * @param width columns of the terminal; longer lines are cut
 * @returns the text with a newline at its end
 * @example process.stdout.write(storyText(report, process.stdout.columns ?? 80))
 */
export function storyText(report: StoryReport, width: number): string {
  const { trace_id, started, duration_ms, services, requests, lines } = report
  const count = `${String(requests.length)} ${requests.length === 1 ? 'request' : 'requests'} in ${services.join(', ')}`
  const header = [`trace ${trace_id}`, `${formatTime(started)}, ${formatDuration(duration_ms)}, ${count}`, '']
  const ids = new Set(requests.map(({ request_id }) => request_id))
  const roots = rootsOf(requests)
  const unowned = lines.filter(({ request_id }) => request_id === null || !ids.has(request_id))
  const rows = interleave(
    [],
    [
      ...[...roots].map((request) => requestRows(request, report, 0, roots)),
      ...unowned.map((line) => [lineRow(line, 0)]),
    ],
  )
  const barWidth = Math.max(8, Math.min(32, Math.floor(width / 4)))
  const waterfall = rows.map(
    (row) =>
      `${offset(row.from - started)} ${bar(row, started, duration_ms, barWidth)} ${'  '.repeat(row.indent)}${row.text}`,
  )
  return [...header, ...waterfall].map((line) => fitToWidth(line, width)).join('\n') + '\n'
}

/** The requests at the top of the tree: those whose parent does not precede them. This breaks cycles of parents. */
function rootsOf(requests: readonly StoryRequest[]): ReadonlySet<StoryRequest> {
  const before = new Set<string | null>()
  const roots = new Set<StoryRequest>()
  for (const request of requests) {
    if (!before.has(request.parent_id)) roots.add(request)
    before.add(request.request_id)
  }
  return roots
}

/** A request and everything below it: its own transitions by `seq`, the rest between them by time. */
function requestRows(
  request: StoryRequest,
  report: StoryReport,
  indent: number,
  roots: ReadonlySet<StoryRequest>,
): Row[] {
  const { request_id, service, method, path, state, outcome, status, error, transitions, notes, gaps } = request
  const start = startOf(request)
  const end = endOf(request)
  const target = [method, path].filter((part) => part !== null).join(' ')
  const result = [state, outcome, status, error].filter((part) => part !== null).join(' ')
  const title: Row = {
    from: start,
    to: end,
    indent,
    text: `${callPrefix(request, report)}${service} ${target === '' ? '' : `${target} `}[${request_id}] ${result}${waited(request)}`,
  }
  const transitionRows = transitions.map((transition) => transitionRow(transition, service, indent + 1))
  const children = report.requests.filter((child) => child.parent_id === request_id && !roots.has(child))
  const noteRows = notes
    .filter((note) => !children.some((child) => isCallOf(child, note)))
    .map((note) => noteRow(note, service, indent + 1))
  const lineRows = report.lines
    .filter((line) => line.request_id === request_id)
    .map((line) => lineRow(line, indent + 1))
  const childBlocks = children.map((child) => requestRows(child, report, indent + 1, roots))
  const gapRows = gaps.map((gap): Row => ({ from: end, indent: indent + 1, text: `! ${gap}` }))
  const skew = clockSkew(request, report)
  return [
    title,
    ...(skew === undefined ? [] : [{ ...title, indent: indent + 1, text: skew }]),
    ...interleave(transitionRows, [...[...noteRows, ...lineRows].map((row) => [row]), ...childBlocks]),
    ...gapRows,
  ]
}

function transitionRow(
  { time, service, state, dwell_ms, implied, attempt, due, worked_ms }: StoryTransition,
  requestService: string,
  indent: number,
): Row {
  const suffix = service === requestService ? '' : ` (${service})`
  const delivery = attempt === undefined ? '' : ` attempt ${String(attempt)}`
  const dwell = dwell_ms === null ? '' : ` after ${formatDuration(dwell_ms)}`
  const work = worked_ms === undefined ? '' : `, ${formatDuration(worked_ms)} of it with the worker`
  const text = `${state}${dwell}${work}${implied === true ? ', implied' : ''}${dueText(due)}${delivery}${suffix}`
  return { from: time, indent, text }
}

function noteRow(
  { time, service, lifecycle, event, state, attempt, error, due, call, waited_ms, worked_ms }: StoryNote,
  requestService: string,
  indent: number,
): Row {
  const suffix = service === requestService ? '' : ` (${service})`
  const kind = lifecycle === 'note' ? '' : `${lifecycle} `
  const delivery = attempt === undefined ? '' : ` ${String(attempt)}`
  const detail = call === undefined ? '' : ` ${String(call.call)} to ${describeCall(call)}`
  const reason = error === undefined ? '' : `: ${error}`
  const waited = waited_ms === undefined ? '' : ` after waiting ${formatDuration(waited_ms)}`
  const worked = worked_ms === undefined ? '' : ` after ${formatDuration(worked_ms)} with the worker`
  const text = `${kind}${event}${detail}${delivery} in ${state}${waited}${worked}${dueText(due)}${reason}${suffix}`
  return { from: time, indent, text }
}

function dueText(due: number | undefined): string {
  return due === undefined ? '' : `, due ${formatTime(due)}`
}

/** A warning about a request that starts before its caller. The times themselves are shown as logged. */
function clockSkew(request: StoryRequest, { requests }: StoryReport): string | undefined {
  const parent = requests.find(({ request_id }) => request_id === request.parent_id)
  if (parent === undefined) return undefined
  const skewMs = startOf(parent) - startOf(request)
  if (!(skewMs > 0)) return undefined
  const services = `${parent.service} and ${request.service}`
  return `! begins ${formatDuration(skewMs)} before its caller: the clocks of ${services} disagree`
}

function lineRow({ time, level, msg, service }: StoryLine, indent: number): Row {
  const name = LEVELS[String(level)] ?? String(level ?? '')
  const suffix = indent === 0 && service !== '' ? ` (${service})` : ''
  return { from: time, indent, text: `- ${name} ${msg}${suffix}`.replace('-  ', '- ') }
}

const LEVELS: Readonly<Record<string, string | undefined>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** Inserts blocks of rows into a backbone, each by the time of its first row. The backbone keeps its order. */
function interleave(backbone: readonly Row[], blocks: readonly Row[][]): Row[] {
  const pending = blocks.filter((rows) => rows.length > 0).sort((a, b) => (a[0]?.from ?? 0) - (b[0]?.from ?? 0))
  const rows: Row[] = []
  let next = 0
  for (const [index, row] of backbone.entries()) {
    // A handler logs before it ends: within the same millisecond the last transition comes last.
    const limit = index > 0 && index === backbone.length - 1 ? row.from + 1 : row.from
    for (; (pending[next]?.[0]?.from ?? Infinity) < limit; next += 1)
      for (const inserted of pending[next] ?? []) rows.push(inserted)
    rows.push(row)
  }
  return [...rows, ...pending.slice(next).flat()]
}

function offset(ms: number): string {
  return `+${formatDuration(ms)}`.padStart(10)
}

function bar({ from, to }: Row, started: number, duration: number, width: number): string {
  const columnOf = (time: number): number =>
    duration === 0 ? 0 : Math.round(((time - started) / duration) * (width - 1))
  const start = columnOf(from)
  if (to === undefined) return `${' '.repeat(start)}·`.padEnd(width)
  return `${' '.repeat(start)}${'━'.repeat(Math.max(1, columnOf(to) - start + 1))}`.padEnd(width)
}

function fitToWidth(line: string, width: number): string {
  const characters = Array.from(sanitizeForTerminal(line).trimEnd())
  return characters.length <= width ? characters.join('') : `${characters.slice(0, width - 1).join('')}…`
}
