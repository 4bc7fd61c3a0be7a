import type { Edge, StateInfo } from '../machine/table.ts'
import type { Extracted } from '../trace/carrier.ts'
import { loggedData, loggedError, loggedName, loggedPath } from '../record/truncate.ts'
import type { NoteRecord, Outcome, TransitionRecord } from '../record/record.ts'
import type { StuckRequest } from '../record/stuck-request.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** What was asked, for the first line. */
export interface RequestTarget {
  /** The verb of HTTP, or the kind of the call. */
  readonly method?: string | undefined
  /** The route where the host knows it, else the path; the query is never logged. */
  readonly path?: string | undefined
}

/** What a signal tells beside its name. */
export interface SignalFields {
  readonly outcome?: Outcome | undefined
  readonly status?: number | undefined
  /** Anything thrown. */
  readonly error?: unknown
  readonly implied?: boolean | undefined
  readonly data?: unknown
}

/** @internal A signal that says nothing more; the common ones all have this shape, so that reading them stays fast. */
export const NO_FIELDS: SignalFields = Object.freeze({
  outcome: undefined,
  status: undefined,
  error: undefined,
  implied: undefined,
  data: undefined,
})
/** @internal Of a step that was made up to reach a state which the handler skipped. */
export const IMPLIED: SignalFields = Object.freeze({ ...NO_FIELDS, implied: true })

/** How a request ended that is driven by hand. */
export type ManualEnd = Pick<SignalFields, 'outcome' | 'status' | 'error'>

/** Where a request starts: a new one at the machine's initial state, or a resumed one where a message left it. */
export interface RequestInit extends RequestTarget {
  readonly traceId: string
  readonly requestId: string
  readonly state: StateInfo
  readonly seq: number
  /** Epoch milliseconds of entering `state`. */
  readonly since: number
  readonly extracted: Extracted
  readonly attempt?: number
  /** Milliseconds from now until whoever asked stops waiting. */
  readonly timeoutMs?: number | undefined
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

// Records are made for every line: one literal, and what is not always there added to it. Spreads of what may be
// empty would cost more than all the rest of a step.

/** The record of a request that has come in. */
export function firstRecord(
  request: TrackedRequest,
  service: string,
  { method, path, extracted }: RequestInit,
): TransitionRecord {
  const record: Writable<TransitionRecord> = {
    lifecycle: 'transition',
    time: request.since,
    service,
    state: request.state,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: 0,
  }
  const { parentId, rejectedLength } = extracted
  if (parentId !== undefined) record.parent_id = parentId
  if (method !== undefined) record.method = loggedName(method)
  if (path !== undefined) record.path = loggedPath(path)
  if (rejectedLength !== undefined) {
    record.rejected_id = true
    record.rejected_length = rejectedLength
  }
  return record
}

/** The record of a step that a request has just taken, after so many milliseconds in `from` and in all. */
export function transitionRecord(
  request: TrackedRequest,
  service: string,
  edge: Edge,
  fields: SignalFields,
  dwell: number,
  age: number,
): TransitionRecord {
  const { outcome, status, error, implied, data } = fields
  const record: Writable<TransitionRecord> = {
    lifecycle: 'transition',
    time: request.since,
    service,
    event: edge.event,
    from: edge.from,
    state: edge.to,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: request.seq,
    dwell_ms: roundToMicroseconds(dwell),
  }
  if (edge.final) {
    record.outcome = outcome ?? DEFAULT_OUTCOMES[edge.event] ?? 'ok'
    record.duration_ms = roundToMicroseconds(age)
  }
  if (implied === true) record.implied = true
  if (status !== undefined) record.status = status
  if (request.attempt !== undefined) record.attempt = request.attempt
  if (error !== undefined || data !== undefined) addDetails(record, error, data)
  return record
}

/** The record of something that moves no request. */
export function noteRecord(
  request: TrackedRequest,
  service: string,
  lifecycle: NoteRecord['lifecycle'],
  event: string,
  fields: SignalFields,
  time: number,
): NoteRecord {
  const { state, traceId: trace_id, requestId: request_id, attempt } = request
  const record: Writable<NoteRecord> = {
    lifecycle,
    time,
    service,
    event: loggedName(event),
    state,
    trace_id,
    request_id,
  }
  if (attempt !== undefined) record.attempt = attempt
  addDetails(record, fields.error, fields.data)
  return record
}

function addDetails(record: Writable<TransitionRecord> | Writable<NoteRecord>, error: unknown, data: unknown): void {
  if (error !== undefined) record.error = loggedError(error)
  const logged = data === undefined ? undefined : loggedData(data)
  if (logged !== undefined) record.data = logged
}

/** A request that has overstayed by now, as a live audit tells it. */
export function stuckRequest(request: TrackedRequest, service: string, now: number, limit: number): StuckRequest {
  return {
    trace_id: request.traceId,
    request_id: request.requestId,
    service,
    state: request.state,
    since: request.since,
    age_ms: Math.round(now - request.entered),
    stuck_after_ms: Math.round(limit),
    attempts: request.attempt ?? 0,
    last_error: request.lastError,
  }
}

/** How a final state was reached, where the signal's sender does not say. */
const DEFAULT_OUTCOMES: Readonly<Record<string, Outcome | undefined>> = {
  AUTH_ERROR: 'denied',
  FAIL: 'error',
  ABORT: 'aborted',
}

/** Milliseconds to the microsecond; none below zero, whatever a clock that was set back says. */
export function roundToMicroseconds(ms: number): number {
  return ms > 0 ? Math.round(ms * 1_000) / 1_000 : 0
}
