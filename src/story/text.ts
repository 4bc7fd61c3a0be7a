import { formatDuration, formatTime } from '../machine/duration.ts'
import { sanitizeForTerminal } from '../record/sanitize.ts'
import type { StoryLine, StoryReport, StoryRequest } from './report.ts'
import { endOf, startOf } from './story.ts'

/** One row of the waterfall: at a moment, or over a span of time. */
interface Row {
  readonly from: number
  readonly to?: number
  readonly indent: number
  readonly text: string
}

/**
 * The story as a waterfall for a terminal: requests as a tree, their states with the times, the application's own
 * lines between them, and the gaps.
 *
 * @param width columns of the terminal; no line is wider
 */
export function storyText(report: StoryReport, width: number): string {
  const { trace_id, started, duration_ms, services, requests, lines } = report
  const head = [
    `trace ${trace_id}`,
    `${formatTime(started)}, ${formatDuration(duration_ms)}, ${String(requests.length)} requests in ${services.join(', ')}`,
    '',
  ]
  const ids = new Set(requests.map(({ request_id }) => request_id))
  const roots = rootsOf(requests)
  const unowned = lines.filter(({ request_id }) => request_id === null || !ids.has(request_id))
  const rows = inserted(
    [],
    [...[...roots].map((request) => block(request, report, 0, roots)), ...unowned.map((line) => [lineRow(line, 0)])],
  )
  const barWidth = Math.max(8, Math.min(32, Math.floor(width / 4)))
  const drawn = rows.map(
    (row) =>
      `${offset(row.from - started)} ${bar(row, started, duration_ms, barWidth)} ${'  '.repeat(row.indent)}${row.text}`,
  )
  return [...head, ...drawn].map((line) => fitted(line, width)).join('\n') + '\n'
}

/** The requests that are told beneath no other one: where parents stand in a circle, the one that is told first. */
function rootsOf(requests: readonly StoryRequest[]): ReadonlySet<StoryRequest> {
  const before = new Set<string | null>()
  const roots = new Set<StoryRequest>()
  for (const request of requests) {
    if (!before.has(request.parent_id)) roots.add(request)
    before.add(request.request_id)
  }
  return roots
}

/** A request and all beneath it: its own rows in order of `seq`, everything else between them by time. */
function block(request: StoryRequest, report: StoryReport, indent: number, roots: ReadonlySet<StoryRequest>): Row[] {
  const { request_id, service, method, path, state, outcome, status, error, transitions, notes, gaps } = request
  const start = startOf(request)
  const last = endOf(request)
  const asked = [method, path].filter((part) => part !== null).join(' ')
  const ended = [state, outcome, status, error].filter((part) => part !== null).join(' ')
  const title: Row = {
    from: start,
    to: last,
    indent,
    text: `${service} ${asked === '' ? '' : `${asked} `}[${request_id}] ${ended}`,
  }
  const steps = transitions.map(({ time, service: by, state: entered, dwell_ms, implied, attempt }): Row => {
    const where = by === service ? '' : ` (${by})`
    const which = attempt === undefined ? '' : ` attempt ${String(attempt)}`
    const dwelt = dwell_ms === null ? '' : ` after ${formatDuration(dwell_ms)}`
    return {
      from: time,
      indent: indent + 1,
      text: `${entered}${dwelt}${implied === true ? ', implied' : ''}${which}${where}`,
    }
  })
  const told = notes.map((note): Row => {
    const where = note.service === service ? '' : ` (${note.service})`
    const kind = note.lifecycle === 'note' ? '' : `${note.lifecycle} `
    const which = note.attempt === undefined ? '' : ` ${String(note.attempt)}`
    return {
      from: note.time,
      indent: indent + 1,
      text: `${kind}${note.event}${which} in ${note.state}${note.error === undefined ? '' : `: ${note.error}`}${where}`,
    }
  })
  const own = report.lines.filter((line) => line.request_id === request_id).map((line) => [lineRow(line, indent + 1)])
  const below = report.requests.filter((child) => child.parent_id === request_id && !roots.has(child))
  const children = below.map((child) => block(child, report, indent + 1, roots))
  const missing = gaps.map((gap): Row => ({ from: last, indent: indent + 1, text: `! ${gap}` }))
  const early = skew(request, report)
  return [
    title,
    ...(early === undefined ? [] : [{ ...title, indent: indent + 1, text: early }]),
    ...inserted(steps, [...told.map((row) => [row]), ...own, ...children]),
    ...missing,
  ]
}

/** Raw times are shown, and what they cannot mean is said beside them. */
function skew(request: StoryRequest, { requests }: StoryReport): string | undefined {
  const parent = requests.find(({ request_id }) => request_id === request.parent_id)
  const early = parent === undefined ? 0 : startOf(parent) - startOf(request)
  return early > 0
    ? `! begins ${formatDuration(early)} before its caller: the clocks of ${parent?.service ?? ''} and ${request.service} disagree`
    : undefined
}

function lineRow({ time, level, msg, service }: StoryLine, indent: number): Row {
  return {
    from: time,
    indent,
    text: `- ${LEVELS[String(level)] ?? String(level ?? '')} ${msg}${indent === 0 && service !== '' ? ` (${service})` : ''}`.replace(
      '-  ',
      '- ',
    ),
  }
}

const LEVELS: Readonly<Record<string, string | undefined>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/** A backbone whose order is kept, with other blocks put in by the time of their first row. */
function inserted(backbone: readonly Row[], blocks: readonly Row[][]): Row[] {
  const waiting = blocks.filter((rows) => rows.length > 0).sort((a, b) => (a[0]?.from ?? 0) - (b[0]?.from ?? 0))
  const rows: Row[] = []
  let next = 0
  for (const [index, row] of backbone.entries()) {
    // Within one millisecond the last step comes last: what a handler says, it says before it ends.
    const before = index > 0 && index === backbone.length - 1 ? row.from + 1 : row.from
    for (; (waiting[next]?.[0]?.from ?? Infinity) < before; next += 1)
      for (const put of waiting[next] ?? []) rows.push(put)
    rows.push(row)
  }
  return [...rows, ...waiting.slice(next).flat()]
}

function offset(ms: number): string {
  return `+${formatDuration(ms)}`.padStart(10)
}

function bar({ from, to }: Row, started: number, duration: number, width: number): string {
  const place = (time: number): number => (duration === 0 ? 0 : Math.round(((time - started) / duration) * (width - 1)))
  const start = place(from)
  if (to === undefined) return `${' '.repeat(start)}·`.padEnd(width)
  return `${' '.repeat(start)}${'━'.repeat(Math.max(1, place(to) - start + 1))}`.padEnd(width)
}

/** Cut to the terminal's width. */
function fitted(line: string, width: number): string {
  const characters = Array.from(sanitizeForTerminal(line).trimEnd())
  return characters.length <= width ? characters.join('') : `${characters.slice(0, width - 1).join('')}…`
}
