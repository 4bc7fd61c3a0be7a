import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../record/record.ts'
import { canonicalTraceId, displayTraceId } from '../trace/trace-id.ts'

/** A record and where it was read; an empty file name for a record that was not read from a log. */
export interface Located<R extends LifecycleRecord> {
  readonly record: R
  readonly file: string
  readonly line: number
}

/** The ids of a request. */
export interface RequestIds {
  /** Trace and request: the same request id in two traces is two requests. */
  readonly key: string
  /** As shown to users: a UUID with dashes. */
  readonly traceId: string
  readonly requestId: string
}

/** All records of one request, without repeats, in an order that does not depend on the order of the logs. */
export interface RequestHistory extends RequestIds {
  /** By attempt, then `seq`, then time. */
  readonly transitions: readonly Located<TransitionRecord>[]
  /** Notes, rejected signals and stuck lines, by time. */
  readonly notes: readonly Located<NoteRecord>[]
}

interface CollectedRequest {
  readonly ids: RequestIds
  readonly transitions: Map<string, Located<TransitionRecord>>
  readonly notes: Map<string, Located<NoteRecord>>
}

/** Collects records into histories. A repeated record counts once, and the order of records makes no difference. */
export class Histories {
  readonly #requests = new Map<string, CollectedRequest>()

  add(record: LifecycleRecord, file = '', line = 0): void {
    const key = requestKey(record.trace_id, record.request_id)
    let request = this.#requests.get(key)
    if (request === undefined) {
      request = { ids: requestIds(record.trace_id, record.request_id), transitions: new Map(), notes: new Map() }
      this.#requests.set(key, request)
    }
    if (record.lifecycle === 'transition') addOnce(request.transitions, transitionKey(record), { record, file, line })
    else addOnce(request.notes, noteKey(record), { record, file, line })
  }

  /** The number of requests. */
  get size(): number {
    return this.#requests.size
  }

  /** The history of each request. */
  *[Symbol.iterator](): Generator<RequestHistory> {
    for (const { ids, transitions, notes } of this.#requests.values())
      yield historyOf(ids, [...transitions.values(), ...notes.values()])
  }
}

/** Identifies a request; the same for all forms of a UUID. */
export function requestKey(traceId: string, requestId: string): string {
  return `${canonicalTraceId(traceId)} ${requestId}`
}

export function requestIds(traceId: string, requestId: string): RequestIds {
  return { key: requestKey(traceId, requestId), traceId: displayTraceId(traceId), requestId }
}

/** The history of one request from its records, which must not repeat. */
export function historyOf(ids: RequestIds, records: readonly Located<LifecycleRecord>[]): RequestHistory {
  return {
    ...ids,
    transitions: records
      .filter(isTransition)
      .sort((a, b) => (a.record.attempt ?? 0) - (b.record.attempt ?? 0) || a.record.seq - b.record.seq || byTime(a, b)),
    notes: records.filter(isNote).sort(byTime),
  }
}

function isTransition(located: Located<LifecycleRecord>): located is Located<TransitionRecord> {
  return located.record.lifecycle === 'transition'
}

function isNote(located: Located<LifecycleRecord>): located is Located<NoteRecord> {
  return located.record.lifecycle !== 'transition'
}

/** Of repeated records, keeps the one that comes first by file name and line, regardless of the order of reading. */
function addOnce<R extends LifecycleRecord>(records: Map<string, Located<R>>, key: string, added: Located<R>): void {
  const kept = records.get(key)
  if (kept === undefined || added.file < kept.file || (added.file === kept.file && added.line < kept.line))
    records.set(key, added)
}

function transitionKey({ attempt, seq, time, from, event, state, service }: TransitionRecord): string {
  return JSON.stringify([attempt ?? 0, seq, time, from, event, state, service])
}

function noteKey({ lifecycle, attempt, time, event, state, service }: NoteRecord): string {
  return JSON.stringify([lifecycle, attempt ?? 0, time, event, state, service])
}

function byTime(a: Located<LifecycleRecord>, b: Located<LifecycleRecord>): number {
  return a.record.time - b.record.time || (tieBreaker(a) < tieBreaker(b) ? -1 : 1)
}

function tieBreaker({ record }: Located<LifecycleRecord>): string {
  const from = record.lifecycle === 'transition' ? record.from : undefined
  return JSON.stringify([record.lifecycle, record.event, record.state, record.service, record.attempt, from])
}
