import type { RequestHistory } from '../history/history.ts'
import { assess, type RequestAssessment } from '../history/assess.ts'
import { queueLine, queueTimes } from '../history/queue-times.ts'
import { isHandOffState, type TransitionTable } from '../machine/table.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../record/record.ts'
import { callOf, CallsOfTrace } from './calls.ts'
import type { StoryLine, StoryNote, StoryReport, StoryRequest, StoryTransition } from './report.ts'

/**
 * Builds the report of one trace: its requests in causal order, their transitions, and the application's own lines.
 *
 * Times are shown as logged. Where clocks disagree, parents and `seq` decide the order.
 *
 * @param histories the requests of this trace only
 * @returns undefined if there are neither requests nor lines
 */
export function buildStory(
  traceId: string,
  histories: Iterable<RequestHistory>,
  lines: readonly StoryLine[],
  table: TransitionTable,
): StoryReport | undefined {
  const assessments = [...histories]
    .map((history) => assess(history, table))
    .sort((a, b) => (a.history.key < b.history.key ? -1 : 1))
  const calls = new CallsOfTrace(assessments)
  const requests = inCausalOrder(assessments.map((assessment) => requestOf(assessment, table, calls)))
  const sortedLines = distinct(lines).sort((a, b) => a.time - b.time || (a.msg < b.msg ? -1 : 1))
  const entries = [...requests.flatMap(({ transitions, notes }) => [...transitions, ...notes]), ...sortedLines].sort(
    (a, b) => a.time - b.time,
  )
  const [first] = entries
  if (first === undefined) return undefined
  return {
    trace_id: assessments[0]?.history.traceId ?? traceId,
    started: first.time,
    duration_ms: (entries.at(-1)?.time ?? first.time) - first.time,
    services: [...new Set(entries.map(({ service }) => service))].filter((service) => service !== ''),
    requests,
    lines: sortedLines,
  }
}

function requestOf(assessment: RequestAssessment, table: TransitionTable, calls: CallsOfTrace): StoryRequest {
  const { history, position, end } = assessment
  const records = history.transitions.map(({ record }) => record)
  const notes = history.notes.map(({ record }) => record)
  const first = records.find(({ seq }) => seq === 0)
  const times = timesInQueue([...records, ...notes], table)
  return {
    request_id: history.requestId,
    ...calls.causeOf(first?.parent_id),
    service: (records[0] ?? notes[0])?.service ?? position.service,
    method: first?.method ?? null,
    path: first?.path ?? null,
    state: position.state,
    outcome: end?.outcome ?? null,
    status: end?.status ?? null,
    duration_ms: end?.duration_ms ?? null,
    error: end?.error === undefined ? null : `${end.error.type}: ${end.error.message}`,
    calls: calls.sentBy(history),
    transitions: records.map((record) => ({ ...transitionOf(record), ...times.get(record) })),
    notes: notes.map((record) => ({ ...noteOf(record), ...times.get(record) })),
    gaps: [...gapsOf(assessment, table), ...calls.gapsOf(history)],
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
  due,
}: TransitionRecord): StoryTransition {
  const optional = {
    ...(attempt === undefined ? {} : { attempt }),
    ...(implied === undefined ? {} : { implied }),
    ...(due === undefined ? {} : { due }),
  }
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

/** By record, for how long its message waited for a delivery, or a worker had it. */
function timesInQueue(
  records: readonly LifecycleRecord[],
  table: TransitionTable,
): ReadonlyMap<LifecycleRecord, { readonly waited_ms: number } | { readonly worked_ms: number }> {
  const lines = records.map((record) => ({ ...queueLine(record, table), record }))
  return new Map(
    queueTimes(lines).map(({ of, ms, end }) => [end.record, of === 'waiting' ? { waited_ms: ms } : { worked_ms: ms }]),
  )
}

function noteOf(record: NoteRecord): StoryNote {
  const { time, service, lifecycle, event, state, attempt, error, due } = record
  const call = callOf(record)
  const optional = {
    ...(attempt === undefined ? {} : { attempt }),
    ...(error === undefined ? {} : { error: `${error.type}: ${error.message}` }),
    ...(call === undefined ? {} : { call }),
    ...(due === undefined ? {} : { due }),
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
  const since = timeOfDay(position.since)
  const lastAttempt = history.notes.findLast(({ record }) => record.attempt !== undefined)?.record
  if (isHandOffState(table, position.state) && attempts === 0) {
    gaps.push(`${position.state.toLowerCase()} at ${since}, no worker line after it`)
  } else if (lastAttempt?.event === 'ATTEMPT') {
    const { attempt, time, service } = lastAttempt
    gaps.push(`attempt ${String(attempt)} began at ${timeOfDay(time)}, no line of ${service} after it`)
  } else {
    gaps.push(`${position.state} since ${since}, nothing after it`)
  }
  return gaps
}

/** The time of day in UTC, with milliseconds. */
function timeOfDay(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : `${date.toISOString().slice(11, 23)}Z`
}

/** Orders requests by time, each after its parent. Damaged lines may leave a cycle of parents, ordered by time. */
function inCausalOrder(requests: readonly StoryRequest[]): StoryRequest[] {
  const ids = new Set(requests.map(({ request_id }) => request_id))
  const remaining = [...requests].sort((a, b) => startOf(a) - startOf(b) || (a.request_id < b.request_id ? -1 : 1))
  const placed = new Set<string>()
  const ordered: StoryRequest[] = []
  const isReady = ({ parent_id }: StoryRequest): boolean =>
    parent_id === null || !ids.has(parent_id) || placed.has(parent_id)
  while (remaining.length > 0) {
    const ready = remaining.findIndex(isReady)
    for (const request of remaining.splice(Math.max(0, ready), 1)) {
      placed.add(request.request_id)
      ordered.push(request)
    }
  }
  return ordered
}

/** The time of a request's earliest line, in epoch milliseconds. */
export function startOf({ transitions, notes }: StoryRequest): number {
  return [...transitions, ...notes].reduce((earliest, { time }) => Math.min(earliest, time), Infinity)
}

/** The time of a request's latest line, in epoch milliseconds. */
export function endOf({ transitions, notes }: StoryRequest): number {
  return [...transitions, ...notes].reduce((latest, { time }) => Math.max(latest, time), -Infinity)
}

function distinct(lines: readonly StoryLine[]): StoryLine[] {
  return [...new Map(lines.map((line) => [JSON.stringify(Object.values(line)), line])).values()]
}
