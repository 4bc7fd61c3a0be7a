import type { Edge, StateInfo } from '../machine/table.ts'
import type { LoggedError, Outcome } from '../record/field-types.ts'
import type { NoteRecord, TransitionRecord } from '../record/record.ts'
import type { StuckRequest } from '../record/stuck-request.ts'
import { loggedData, loggedError, loggedName, loggedPath } from '../record/truncate.ts'
import type { Extracted } from '../trace/carrier.ts'
import type { Redaction } from './redaction.ts'
import type { SpanInit } from './request-span.ts'

/** What was asked, for the first line. */
export interface RequestTarget {
  /** The HTTP method, or the kind of the call. */
  readonly method?: string | undefined
  /** The route where the host knows it, else the path; the query is never logged. */
  readonly path?: string | undefined
  /** The application's own fields, logged under `data`. */
  readonly data?: unknown
}

/** The settings that records depend on. */
export interface RecordSettings {
  readonly service: string
  readonly redaction: Redaction | undefined
}

/** The members of a tracked request that go into its records. */
export interface RequestState {
  readonly traceId: string
  readonly requestId: string
  readonly attempt: number | undefined
  readonly state: string
  readonly seq: number
  /** How many calls and child messages it has sent. */
  readonly calls: number
  /** When the state was entered: in epoch milliseconds, and by the monotonic clock. */
  readonly since: number
  readonly entered: number
  readonly lastError: LoggedError | null
  /** Epoch milliseconds until which it is meant to last. */
  readonly due: number | undefined
}

/**
 * Where a request starts: a new one in the machine's initial state, a resumed one in the state that the message names.
 */
export interface RequestInit extends SpanInit {
  readonly state: StateInfo
  readonly seq: number
  /** Epoch milliseconds of entering `state`. */
  readonly since: number
  /** Milliseconds from now until the caller stops waiting. */
  readonly timeoutMs?: number | undefined
}

/** What a signal carries beside its name. */
export interface SignalFields {
  readonly outcome?: Outcome | undefined
  readonly status?: number | undefined
  /** Anything thrown. */
  readonly error?: unknown
  readonly implied?: boolean | undefined
  readonly data?: unknown
  /** Epoch milliseconds before which the state is meant to last. */
  readonly due?: number | undefined
}

/** @internal A signal without fields. The common ones share one shape, so that reading them stays monomorphic. */
export const NO_FIELDS: SignalFields = Object.freeze({
  outcome: undefined,
  status: undefined,
  error: undefined,
  implied: undefined,
  data: undefined,
  due: undefined,
})
/** @internal The fields of an implied step. */
export const IMPLIED: SignalFields = Object.freeze({ ...NO_FIELDS, implied: true })

type Writable<T> = { -readonly [K in keyof T]: T[K] }

// A record is made for every line: one literal, with the optional fields assigned afterwards. Spreading objects that
// may be empty would cost more than the rest of a step.

/** The record of a request that has come in. */
export function firstRecord(
  request: RequestState,
  settings: RecordSettings,
  { method, path, data }: RequestTarget,
  { parentId, rejectedLength }: Extracted,
): TransitionRecord {
  const record: Writable<TransitionRecord> = {
    lifecycle: 'transition',
    time: request.since,
    service: settings.service,
    state: request.state,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: 0,
  }
  if (parentId !== undefined) record.parent_id = parentId
  if (method !== undefined) record.method = loggedName(method)
  if (path !== undefined) record.path = loggedPath(path)
  if (rejectedLength !== undefined) {
    record.rejected_id = true
    record.rejected_length = rejectedLength
  }
  if (data !== undefined) addDetails(record, settings.redaction, undefined, data)
  return record
}

/**
 * The record of a step that a request has just taken.
 *
 * @param dwell milliseconds in the state that it left
 * @param age milliseconds since the request came in to this process
 */
export function transitionRecord(
  request: RequestState,
  settings: RecordSettings,
  edge: Edge,
  fields: SignalFields,
  dwell: number,
  age: number,
): TransitionRecord {
  const { outcome, status, error, implied, data } = fields
  const record: Writable<TransitionRecord> = {
    lifecycle: 'transition',
    time: request.since,
    service: settings.service,
    event: edge.event,
    from: edge.from,
    state: edge.to,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: request.seq,
    dwell_ms: roundToMicroseconds(dwell),
  }
  if (implied === true) record.implied = true
  if (edge.final) record.outcome = outcome ?? DEFAULT_OUTCOMES[edge.event] ?? 'ok'
  if (status !== undefined) record.status = status
  if (edge.final) record.duration_ms = roundToMicroseconds(age)
  if (request.calls > 0 && (edge.final || edge.event === 'ENQUEUE')) record.calls = request.calls
  if (request.attempt !== undefined) record.attempt = request.attempt
  if (!edge.final) {
    // How long the message may take says nothing about the handler, and the other way round.
    const isQueued = edge.event === 'ENQUEUE' || edge.event === 'RETRY'
    const due = isQueued ? fields.due : request.due
    if (due !== undefined) record.due = due
  }
  if (error !== undefined || data !== undefined) addDetails(record, settings.redaction, error, data)
  return record
}

/** The record of a note, a rejected signal or a stuck report: the request stays in its state. */
export function noteRecord(
  request: RequestState,
  settings: RecordSettings,
  lifecycle: NoteRecord['lifecycle'],
  event: string,
  fields: SignalFields,
  time: number,
): NoteRecord {
  const { state, traceId: trace_id, requestId: request_id, attempt } = request
  const record: Writable<NoteRecord> = {
    lifecycle,
    time,
    service: settings.service,
    event: loggedName(event),
    state,
    trace_id,
    request_id,
  }
  if (attempt !== undefined) record.attempt = attempt
  if (fields.due !== undefined) record.due = fields.due
  addDetails(record, settings.redaction, fields.error, fields.data)
  return record
}

function addDetails(
  record: Writable<TransitionRecord> | Writable<NoteRecord>,
  redaction: Redaction | undefined,
  error: unknown,
  data: unknown,
): void {
  if (error !== undefined) record.error = loggedError(error, redaction?.error)
  const logged = data === undefined ? undefined : loggedData(data, redaction?.data)
  if (logged !== undefined) record.data = logged
}

/** A request that is past its limit now, in the same form as an audit reports it. */
export function stuckRequest(request: RequestState, service: string, now: number, limit: number): StuckRequest {
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
    ...(request.due === undefined ? {} : { due: request.due }),
  }
}

/** The outcome of a final step whose signal names none. */
const DEFAULT_OUTCOMES: Readonly<Record<string, Outcome | undefined>> = {
  AUTH_ERROR: 'denied',
  FAIL: 'error',
  ABORT: 'aborted',
}

/** Rounds milliseconds to the microsecond; a negative time, from a clock that was set back, is 0. */
export function roundToMicroseconds(ms: number): number {
  return ms > 0 ? Math.round(ms * 1_000) / 1_000 : 0
}
