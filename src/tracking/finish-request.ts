import { pathToFinal } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { Outcome } from '../record/record.ts'
import { roundToMicroseconds, type SignalFields } from './build-records.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** How the work on a request ended, as its host saw it. */
export interface RequestEnd {
  readonly outcome: Outcome
  /** The HTTP or gRPC code of the answer. */
  readonly status?: number | undefined
  /** What was thrown. */
  readonly error?: unknown
}

/** What a handler threw, which may be undefined. */
export interface ThrownValue {
  readonly error: unknown
}

/**
 * How a whole answer ends its request.
 *
 * An error that the host answers with a status from 300 to 499 was its handler's way of answering (not found, bad
 * input, see elsewhere); any other is one, whatever the status. 401 and 403 refuse a caller who is not known yet.
 */
export function endFromStatus(request: TrackedRequest, status: number | undefined, fault?: ThrownValue): RequestEnd {
  const refused = (status === 401 || status === 403) && request.accepts('AUTH_ERROR')
  const failed = status !== undefined && (status >= 500 || status === 0 || (fault !== undefined && status < 300))
  return { outcome: refused ? 'denied' : failed ? 'error' : 'ok', status, error: fault?.error }
}

/** The signal for an end that a machine may know as an event of its own. */
const EVENT_BY_OUTCOME: Readonly<Record<Outcome, string | undefined>> = {
  ok: undefined,
  error: 'FAIL',
  aborted: 'ABORT',
  denied: 'AUTH_ERROR',
}

/**
 * The answer is out, or never will be: moves a request to its end, catching up with implied steps.
 *
 * A request that was handed over ends elsewhere: of that one it is noted how its caller was answered.
 */
export function endWithResponse(request: TrackedRequest, table: TransitionTable, end: RequestEnd): void {
  request.whenSettled(() => {
    if (request.ended) return
    if (request.handedOver) noteAnswer(request, end)
    else moveToEnd(request, table, end, 'RESPOND')
  })
}

/**
 * A message has been worked on: completes its request, or, while another attempt is still to come, notes the retry.
 *
 * A message that carried no request of its own began a new one, which ends here as one that was answered.
 */
export function endWithMessage(
  request: TrackedRequest,
  table: TransitionTable,
  end: RequestEnd,
  willRetry: boolean,
): void {
  request.whenSettled(() => {
    if (request.ended) return
    const resumed = request.attempt !== undefined
    if (!resumed && request.handedOver) {
      noteAnswer(request, end)
      return
    }
    if (end.outcome === 'error' && willRetry) {
      request.dispatchOrNote('RETRY', { error: end.error })
      // The next delivery is a run of its own: this process is through with the one it had.
      if (resumed) {
        request.release()
        return
      }
    }
    moveToEnd(request, table, end, resumed ? 'COMPLETE' : 'RESPOND')
  })
}

function noteAnswer(request: TrackedRequest, { outcome, status, error }: RequestEnd): void {
  request.emitNote('note', 'RESPOND', {
    error,
    data: { outcome, status, duration_ms: roundToMicroseconds(request.age) },
  })
}

function moveToEnd(request: TrackedRequest, table: TransitionTable, end: RequestEnd, signal: string): void {
  const fields: SignalFields = {
    outcome: end.outcome,
    status: end.status,
    error: end.error,
    implied: undefined,
    data: undefined,
  }
  const { state } = request
  // Nobody found out who the caller was: to imply that would be a lie that an auditor trips over.
  if (
    state === table.initial &&
    end.outcome === 'aborted' &&
    !request.accepts('ABORT') &&
    request.accepts('AUTH_ERROR')
  ) {
    request.dispatch('AUTH_ERROR', { ...fields, implied: true })
    return
  }
  const own = EVENT_BY_OUTCOME[end.outcome]
  if (own !== undefined && request.accepts(own)) {
    request.dispatch(own, fields)
    return
  }
  if (own !== undefined && own !== 'AUTH_ERROR' && request.dispatchByPath(own, fields)) return
  if (request.dispatchByPath(signal, fields)) return
  // A machine of the user's that knows none of our signals: what has ended must not look stuck.
  const way = pathToFinal(table, state)
  if (way !== undefined) {
    request.takeSteps(way, fields)
    return
  }
  // From here the machine has no end at all: it is noted that the host is through, and the request let go.
  request.emitNote('note', signal, fields)
  request.release()
}
