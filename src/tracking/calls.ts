import type { CallRecord } from '../record/sink.ts'
import { loggedError, loggedName, loggedPath, loggedTarget } from '../record/truncate.ts'
import { callId } from '../trace/call-id.ts'
import { roundToMicroseconds } from './build-records.ts'
import type { Redaction } from './redaction.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** What a call is sent to. */
export interface CallTarget {
  /** The host with its port, the queue or topic, or the service of an rpc. */
  readonly target: string
  /** The HTTP method, or `grpc`; undefined for a message. */
  readonly method?: string | undefined
  /** The path, of which the query is not recorded, or the name of the rpc. */
  readonly path?: string | undefined
}

/** How a call ended. */
export interface CallEnd {
  readonly outcome: CallRecord['outcome']
  /** The HTTP or gRPC code of the answer. */
  readonly status?: number | undefined
  /** What was thrown. */
  readonly error?: unknown
}

/** Receives the end of a call. Of several ends the first counts. */
export type OnCallEnd = (end: CallEnd) => void

/** A call that is about to be sent. */
export interface OutgoingCall {
  readonly headers: Readonly<Record<string, string>>
  /** Undefined if nobody wants the record of the call: then nothing has to be watched. */
  readonly end: OnCallEnd | undefined
}

/**
 * Starts a call: takes its number, and measures it from now on if there is a listener.
 *
 * @param describe says where the call goes; runs only if there is a listener
 */
export function startCall(request: TrackedRequest, describe: () => CallTarget): OutgoingCall {
  const headers = request.headers()
  return { headers, end: observeCall(request, describe) }
}

/** Measures the call whose number was taken last; undefined without a listener. */
export function observeCall(request: TrackedRequest, describe: () => CallTarget): OnCallEnd | undefined {
  if (!request.core.hasCallListeners) return undefined
  const { settings } = request.core
  return settings.errors.run(() => measureCall(request, describe()))
}

function measureCall(request: TrackedRequest, target: CallTarget): OnCallEnd {
  const { settings } = request.core
  const [call, time, start] = [request.calls, settings.now(), settings.elapsed()]
  let ended = false
  return (end) => {
    if (ended) return
    ended = true
    settings.errors.run(() => {
      emitCall(request, toRecord(request, target, end, call, time, settings.elapsed() - start), end.error)
    })
  }
}

function toRecord(
  request: TrackedRequest,
  { target, method, path }: CallTarget,
  { outcome, status, error }: CallEnd,
  call: number,
  time: number,
  duration: number,
): CallRecord {
  const { traceId, requestId, attempt } = request
  const { redaction } = request.core.settings
  const shown = maskedTarget({ target, method, path }, redaction)
  return {
    lifecycle: 'call',
    time,
    service: request.core.settings.service,
    trace_id: traceId,
    request_id: requestId,
    ...(attempt === undefined ? {} : { attempt }),
    call,
    id: callId(requestId, attempt, call),
    target: loggedTarget(shown.target),
    ...(shown.method === undefined ? {} : { method: loggedName(shown.method) }),
    ...(shown.path === undefined ? {} : { path: loggedPath(shown.path) }),
    outcome,
    ...(status === undefined ? {} : { status }),
    duration_ms: roundToMicroseconds(duration),
    ...(error === undefined ? {} : { error: loggedError(error, redaction?.error) }),
  }
}

/** A call as the note CALL shows it: paths under `data` name its fields. */
function maskedTarget(call: CallTarget, redaction: Redaction | undefined): CallTarget {
  if (redaction?.data === undefined) return call
  const masked = redaction.data({ ...call })
  if (typeof masked !== 'object' || masked === null) return { target: textOf(masked) ?? '' }
  const { target, method, path } = masked as Readonly<Record<keyof CallTarget, unknown>>
  return { target: textOf(target) ?? '', method: textOf(method), path: textOf(path) }
}

/** What a censor function returned may be anything. */
function textOf(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
}

/** Gives the record to its listeners, and logs it as a note if the tracker is to. */
function emitCall(request: TrackedRequest, record: CallRecord, error: unknown): void {
  request.core.emitCall(record)
  if (!request.core.settings.logsCalls) return
  const { call, target, method, path, outcome, status, duration_ms } = record
  request.emitNote('note', 'CALL', { error, data: { call, target, method, path, outcome, status, duration_ms } })
}
