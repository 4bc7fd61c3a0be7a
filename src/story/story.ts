import type { RequestHistory } from '../history/history.ts'
import { assess, type RequestAssessment } from '../history/assess.ts'
import { isHandOffState, type TransitionTable } from '../machine/table.ts'
import type { NoteRecord, TransitionRecord } from '../record/record.ts'
import type { StoryLine, StoryNote, StoryReport, StoryRequest, StoryTransition } from './report.ts'

/**
 * Tells one trace: its requests in causal order, their steps, and the application's own lines.
 *
 * Times are shown as they were logged. Where clocks disagree the order comes from parents and `seq`.
 *
 * @param histories the requests of this trace alone
 * @returns undefined where there is nothing to tell
 */
export function story(
  traceId: string,
  histories: Iterable<RequestHistory>,
  lines: readonly StoryLine[],
  table: TransitionTable,
): StoryReport | undefined {
  const verdicts = [...histories]
    .map((history) => assess(history, table))
    .sort((a, b) => (a.history.key < b.history.key ? -1 : 1))
  const requests = inCausalOrder(verdicts.map((verdict) => requestOf(verdict, table)))
  const sorted = distinct(lines).sort((a, b) => a.time - b.time || (a.msg < b.msg ? -1 : 1))
  const moments = [...requests.flatMap(({ transitions, notes }) => [...transitions, ...notes]), ...sorted].sort(
    (a, b) => a.time - b.time,
  )
  const [first] = moments
  if (first === undefined) return undefined
  return {
    trace_id: verdicts[0]?.history.traceId ?? traceId,
    started: first.time,
    duration_ms: (moments.at(-1)?.time ?? first.time) - first.time,
    services: [...new Set(moments.map(({ service }) => service))],
    requests,
    lines: sorted,
  }
}

function requestOf(verdict: RequestAssessment, table: TransitionTable): StoryRequest {
  const { history, position, end } = verdict
  const records = history.transitions.map(({ record }) => record)
  const notes = history.notes.map(({ record }) => record)
  const first = records.find(({ seq }) => seq === 0)
  return {
    request_id: history.requestId,
    parent_id: first?.parent_id ?? null,
    service: (records[0] ?? notes[0])?.service ?? position.service,
    method: first?.method ?? null,
    path: first?.path ?? null,
    state: position.state,
    outcome: end?.outcome ?? null,
    status: end?.status ?? null,
    error: end?.error === undefined ? null : `${end.error.type}: ${end.error.message}`,
    transitions: records.map(transitionOf),
    notes: notes.map(noteOf),
    gaps: gapsOf(verdict, table),
  }
}

function transitionOf({
  seq,
  time,
  service,
  event,
  from,
  state,
  dwell_ms,
  attempt,
  implied,
}: TransitionRecord): StoryTransition {
  const optional = { ...(attempt === undefined ? {} : { attempt }), ...(implied === undefined ? {} : { implied }) }
  return {
    seq,
    time,
    service,
    event: event ?? null,
    from: from ?? null,
    state,
    dwell_ms: dwell_ms ?? null,
    ...optional,
  }
}

function noteOf({ time, service, lifecycle, event, state, attempt, error }: NoteRecord): StoryNote {
  const optional = {
    ...(attempt === undefined ? {} : { attempt }),
    ...(error === undefined ? {} : { error: `${error.type}: ${error.message}` }),
  }
  return { time, service, lifecycle, event, state, ...optional }
}

function gapsOf(
  { history, position, ended, missing, attempts, invalid }: RequestAssessment,
  table: TransitionTable,
): string[] {
  const gaps = missing.length === 0 ? [] : [`no line with seq ${missing.join(', ')}`]
  gaps.push(...invalid.map(({ reason }) => `invalid: ${reason}`))
  if (ended) return gaps
  const since = clock(position.since)
  const lastAttempt = history.notes.findLast(({ record }) => record.attempt !== undefined)?.record
  if (isHandOffState(table, position.state) && attempts === 0)
    gaps.push(`${position.state.toLowerCase()} at ${since}, no worker line after it`)
  else if (lastAttempt?.event === 'ATTEMPT')
    gaps.push(
      `attempt ${String(lastAttempt.attempt)} began at ${clock(lastAttempt.time)}, no line of ${lastAttempt.service} after it`,
    )
  else gaps.push(`${position.state} since ${since}, nothing after it`)
  return gaps
}

/** The time of day, in UTC, to the millisecond. */
function clock(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : `${date.toISOString().slice(11, 23)}Z`
}

/** Earliest first, but no request before its parent; parents in a circle, as damage may make them, are let go by time. */
function inCausalOrder(requests: readonly StoryRequest[]): StoryRequest[] {
  const ids = new Set(requests.map(({ request_id }) => request_id))
  const waiting = [...requests].sort((a, b) => startOf(a) - startOf(b) || (a.request_id < b.request_id ? -1 : 1))
  const told = new Set<string>()
  const ordered: StoryRequest[] = []
  while (waiting.length > 0) {
    const free = waiting.findIndex(({ parent_id }) => parent_id === null || !ids.has(parent_id) || told.has(parent_id))
    for (const request of waiting.splice(Math.max(0, free), 1)) {
      told.add(request.request_id)
      ordered.push(request)
    }
  }
  return ordered
}

/** When a request began, in epoch milliseconds, as far as its lines tell. */
export function startOf({ transitions, notes }: StoryRequest): number {
  return [...transitions, ...notes].reduce((least, { time }) => Math.min(least, time), Infinity)
}

/** When a request's last line was written, in epoch milliseconds. */
export function endOf({ transitions, notes }: StoryRequest): number {
  return [...transitions, ...notes].reduce((most, { time }) => Math.max(most, time), -Infinity)
}

function distinct(lines: readonly StoryLine[]): StoryLine[] {
  return [...new Map(lines.map((line) => [JSON.stringify(Object.values(line)), line])).values()]
}
