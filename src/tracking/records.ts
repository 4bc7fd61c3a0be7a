import type { Edge } from '../lifecycle/table.ts'
import type { Extracted } from '../trace/carrier.ts'
import { loggedData, loggedError, loggedName, loggedPath } from '../transition/limits.ts'
import type { NoteRecord, Outcome, TransitionRecord } from '../transition/record.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** What was asked, for the first line. */
export interface Asked {
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

/** How a request ended that is driven by hand. */
export type ManualEnd = Pick<SignalFields, 'outcome' | 'status' | 'error'>

/** Where a request starts: a new one at the machine's initial state, or a resumed one where a message left it. */
export interface Origin extends Asked {
  readonly traceId: string
  readonly requestId: string
  readonly state: string
  readonly seq: number
  /** Epoch milliseconds of entering `state`. */
  readonly since: number
  readonly extracted: Extracted
  readonly attempt?: number
}

/** The record of a request that has come in. */
export function firstRecord(request: TrackedRequest, service: string, { method, path, extracted }: Origin): TransitionRecord {
  const { parentId, rejectedLength } = extracted
  return {
    lifecycle: 'transition',
    time: request.since,
    service,
    state: request.state,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: 0,
    ...(parentId === undefined ? {} : { parent_id: parentId }),
    ...(method === undefined ? {} : { method: loggedName(method) }),
    ...(path === undefined ? {} : { path: loggedPath(path) }),
    ...(rejectedLength === undefined ? {} : { rejected_id: true, rejected_length: rejectedLength }),
  }
}

/** The times of a step: its moment in epoch milliseconds, and the milliseconds spent in `from` and in all. */
interface StepTimes {
  readonly now: number
  readonly dwell: number
  readonly age: number
}

/** The record of a step that a request has just taken. */
export function transitionRecord(request: TrackedRequest, service: string, edge: Edge, fields: SignalFields, times: StepTimes): TransitionRecord {
  const { outcome = DEFAULT_OUTCOMES[edge.event] ?? 'ok', implied, status } = fields
  return {
    lifecycle: 'transition',
    time: times.now,
    service,
    event: edge.event,
    from: edge.from,
    state: edge.to,
    trace_id: request.traceId,
    request_id: request.requestId,
    seq: request.seq,
    dwell_ms: micro(times.dwell),
    ...(implied === true ? { implied } : {}),
    ...(edge.final ? { outcome, duration_ms: micro(times.age) } : {}),
    ...(status === undefined ? {} : { status }),
    ...details(request, fields),
  }
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
  const { state, traceId: trace_id, requestId: request_id } = request
  return { lifecycle, time, service, event: loggedName(event), state, trace_id, request_id, ...details(request, fields) }
}

function details({ attempt }: TrackedRequest, { error, data }: SignalFields): Pick<NoteRecord, 'attempt' | 'error' | 'data'> {
  const logged = data === undefined ? undefined : loggedData(data)
  return {
    ...(attempt === undefined ? {} : { attempt }),
    ...(error === undefined ? {} : { error: loggedError(error) }),
    ...(logged === undefined ? {} : { data: logged }),
  }
}

/** How a final state was reached, where the signal's sender does not say. */
const DEFAULT_OUTCOMES: Readonly<Record<string, Outcome | undefined>> = { AUTH_ERROR: 'denied', FAIL: 'error', ABORT: 'aborted' }

/** Milliseconds to the microsecond; none below zero, whatever a clock that was set back says. */
export function micro(ms: number): number {
  return Math.round(Math.max(0, ms) * 1_000) / 1_000
}
