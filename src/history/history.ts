import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../record/record.ts'

/** A record and where it was read; live ones stand nowhere. */
export interface Located<R extends LifecycleRecord> {
  readonly record: R
  readonly file: string
  readonly line: number
}

/** All that logs tell of one request, each thing once, in an order that is not that of the logs. */
export interface RequestHistory {
  /** Trace and request: the same id in two traces is two requests. */
  readonly key: string
  readonly traceId: string
  readonly requestId: string
  /** By attempt, then `seq`, then time. */
  readonly transitions: readonly Located<TransitionRecord>[]
  /** Notes, rejected signals and stuck lines, by time. */
  readonly notes: readonly Located<NoteRecord>[]
}

interface CollectedRequest {
  readonly key: string
  readonly traceId: string
  readonly requestId: string
  readonly transitions: Map<string, Located<TransitionRecord>>
  readonly notes: Map<string, Located<NoteRecord>>
}

/** Gathers records into histories. What comes twice counts once; in which order it comes makes no difference. */
export class Histories {
  readonly #requests = new Map<string, CollectedRequest>()

  add(record: LifecycleRecord, file = '', line = 0): void {
    const key = `${canonicalTraceId(record.trace_id)} ${record.request_id}`
    let gathered = this.#requests.get(key)
    if (gathered === undefined) {
      gathered = {
        key,
        traceId: displayTraceId(record.trace_id),
        requestId: record.request_id,
        transitions: new Map(),
        notes: new Map(),
      }
      this.#requests.set(key, gathered)
    }
    if (record.lifecycle === 'transition') keep(gathered.transitions, transitionKey(record), { record, file, line })
    else keep(gathered.notes, noteKey(record), { record, file, line })
  }

  get size(): number {
    return this.#requests.size
  }

  /** Every request's history. */
  *[Symbol.iterator](): Generator<RequestHistory> {
    for (const { transitions, notes, ...names } of this.#requests.values())
      yield historyOf(names, [...transitions.values(), ...notes.values()])
  }
}

/** The history that these lines make: each is there once. */
export function historyOf(
  names: Pick<RequestHistory, 'key' | 'traceId' | 'requestId'>,
  lines: readonly Located<LifecycleRecord>[],
): RequestHistory {
  return {
    ...names,
    transitions: lines
      .filter(isTransition)
      .sort((a, b) => (a.record.attempt ?? 0) - (b.record.attempt ?? 0) || a.record.seq - b.record.seq || byTime(a, b)),
    notes: lines.filter(isNote).sort(byTime),
  }
}

function isTransition(line: Located<LifecycleRecord>): line is Located<TransitionRecord> {
  return line.record.lifecycle === 'transition'
}

function isNote(line: Located<LifecycleRecord>): line is Located<NoteRecord> {
  return line.record.lifecycle !== 'transition'
}

/** One spelling for all of one UUID: dashed or not, in upper or lower case. */
export function canonicalTraceId(traceId: string): string {
  return UUID.test(traceId) ? traceId.replaceAll('-', '').toLowerCase() : traceId
}

/** A trace id as it is told: a UUID with dashes, however a service spells it. */
export function displayTraceId(traceId: string): string {
  if (!UUID.test(traceId)) return traceId
  const key = canonicalTraceId(traceId)
  return [key.slice(0, 8), key.slice(8, 12), key.slice(12, 16), key.slice(16, 20), key.slice(20)].join('-')
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** Of the same line in two places the one that stands first by name is kept, whichever was read first. */
function keep<R extends LifecycleRecord>(lines: Map<string, Located<R>>, key: string, found: Located<R>): void {
  const known = lines.get(key)
  if (known === undefined || found.file < known.file || (found.file === known.file && found.line < known.line))
    lines.set(key, found)
}

function transitionKey({ attempt, seq, time, from, event, state, service }: TransitionRecord): string {
  return JSON.stringify([attempt ?? 0, seq, time, from, event, state, service])
}

function noteKey({ lifecycle, attempt, time, event, state, service }: NoteRecord): string {
  return JSON.stringify([lifecycle, attempt ?? 0, time, event, state, service])
}

function byTime(a: Located<LifecycleRecord>, b: Located<LifecycleRecord>): number {
  return a.record.time - b.record.time || compare(orderOf(a), orderOf(b))
}

function orderOf({ record }: Located<LifecycleRecord>): string {
  const { lifecycle, event, state, service, attempt } = record
  return JSON.stringify([lifecycle, event, state, service, attempt, lifecycle === 'transition' ? record.from : null])
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
