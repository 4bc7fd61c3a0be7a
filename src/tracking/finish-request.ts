import { pathToEvent, pathToFinal } from '../machine/shortest-path.ts'
import type { Outcome } from '../record/field-types.ts'
import { roundToMicroseconds, type SignalFields } from './build-records.ts'
import { dueAfter, whenHandOffSettled, type HandOffRequest } from './hand-off.ts'
import { accepts, dispatch, dispatchOrNote, takeSteps, type SignalTarget } from './signals.ts'

/** How the work on a request ended, as its host reports it. */
export interface RequestEnd {
  readonly outcome: Outcome
  /** The HTTP or gRPC code of the answer. */
  readonly status?: number | undefined
  /** What was thrown. */
  readonly error?: unknown
  /** For how long the queue holds the message back before it delivers it again, in milliseconds. */
  readonly retryDelayMs?: number | undefined
}

/** How a request ended that is driven by hand. */
export type ManualEnd = Pick<SignalFields, 'outcome' | 'status' | 'error'>

/** What a handler threw, which may be `undefined`. */
export interface ThrownValue {
  readonly error: unknown
}

/** The members of a request that its end uses. */
export interface FinishableRequest extends HandOffRequest {
  readonly age: number
  readonly handedOver: boolean
  readonly attempt: number | undefined
  readonly entry: object | 'by hand'
}

/**
 * The end of a request whose answer was sent completely.
 *
 * An error that the host answers with a status of 300 to 499 was the handler's way to answer (not found, bad input, a
 * redirect); any other error fails the request, whatever the status. A 401 or 403 denies a caller who is not known yet.
 */
export function endFromStatus(request: SignalTarget, status: number | undefined, thrown?: ThrownValue): RequestEnd {
  const denied = isDenial(request, status)
  const failed = status !== undefined && (status >= 500 || status === 0 || (thrown !== undefined && status < 300))
  return { outcome: denied ? 'denied' : failed ? 'error' : 'ok', status, error: thrown?.error }
}

/**
 * Takes the step that ends a request. One that is driven by hand is ended as the wrapper of a handler would: skipped
 * steps are implied, a message on its way is waited for, and the answer after a hand-off is noted.
 *
 * @returns whether the state has changed
 */
export function endByHand(request: FinishableRequest, end: ManualEnd, event: 'RESPOND' | 'COMPLETE'): boolean {
  const { error, status } = end
  const outcome = end.outcome ?? outcomeOf(request, end)
  const isAccepted = outcome !== 'denied' && request.handOffStatus !== 'sending' && accepts(request, event)
  if (request.ended || isAccepted || request.entry !== 'by hand')
    return dispatch(request, event, endFields({ outcome, status, error }))
  const { seq } = request
  finishDelivery(request, { outcome, status, error }, false)
  return request.seq > seq
}

/** A 401 or 403 denies a caller who is not known yet. */
function isDenial(request: SignalTarget, status: number | undefined): boolean {
  return (status === 401 || status === 403) && accepts(request, 'AUTH_ERROR')
}

/** In the shape of NO_FIELDS, which keeps reading them monomorphic. */
function endFields({ outcome, status, error }: RequestEnd): SignalFields {
  return { outcome, status, error, implied: undefined, data: undefined, due: undefined }
}

function outcomeOf(request: FinishableRequest, { status, error }: ManualEnd): Outcome {
  if (error !== undefined || (status ?? 0) >= 500) return 'error'
  return isDenial(request, status) ? 'denied' : 'ok'
}

/** The event of an end that a machine may have as an event of its own. */
const EVENT_BY_OUTCOME: Readonly<Record<Outcome, string | undefined>> = {
  ok: undefined,
  error: 'FAIL',
  aborted: 'ABORT',
  denied: 'AUTH_ERROR',
}

/**
 * Moves a request to its end once its response was sent, or can no longer be sent; skipped steps are implied.
 *
 * A request that was handed off ends elsewhere: a note records how its caller was answered.
 */
export function finishRequest(request: FinishableRequest, end: RequestEnd): void {
  whenHandOffSettled(request, () => {
    if (request.ended) return
    if (request.handedOver) noteAnswer(request, end)
    else moveToEnd(request, end, 'RESPOND')
  })
}

/**
 * Completes the request of a message that was processed, or, where another attempt will follow, notes the retry.
 *
 * A message that carried no request started a new one, which ends as if it had been answered.
 */
export function finishDelivery(request: FinishableRequest, end: RequestEnd, willRetry: boolean): void {
  whenHandOffSettled(request, () => {
    if (request.ended) return
    const resumed = request.attempt !== undefined
    if (!resumed && request.handedOver) {
      noteAnswer(request, end)
      return
    }
    if (end.outcome === 'error' && willRetry) {
      dispatchOrNote(request, 'RETRY', { error: end.error, due: dueAfter(request, end.retryDelayMs) })
      // The next delivery is a tracked request of its own; this one is finished here.
      if (resumed) {
        request.release()
        return
      }
    }
    moveToEnd(request, end, resumed ? 'COMPLETE' : 'RESPOND')
  })
}

function noteAnswer(request: FinishableRequest, { outcome, status, error }: RequestEnd): void {
  const data = { outcome, status, duration_ms: roundToMicroseconds(request.age) }
  request.emitNote('note', 'RESPOND', { error, data })
}

function moveToEnd(request: FinishableRequest, end: RequestEnd, signal: string): void {
  const { table } = request.core.settings
  const { outcome } = end
  const fields = endFields(end)
  // The caller was never authenticated, so AUTH_OK must not be implied.
  const unauthenticated = request.state === table.initial && accepts(request, 'AUTH_ERROR')
  if (unauthenticated && outcome === 'aborted' && !accepts(request, 'ABORT')) {
    dispatch(request, 'AUTH_ERROR', { ...fields, implied: true })
    return
  }
  const event = EVENT_BY_OUTCOME[outcome]
  // No steps are implied on the way to AUTH_ERROR: they could say that the caller was authenticated.
  const reachable = event !== undefined && (event !== 'AUTH_ERROR' || accepts(request, event))
  const byEvent = reachable ? pathToEvent(table, request.state, event) : undefined
  // The last resort is for machines that know none of our signals: a request that ended must not look stuck.
  const path = byEvent ?? pathToEvent(table, request.state, signal) ?? pathToFinal(table, request.state)
  if (path !== undefined) {
    takeSteps(request, path, fields)
    return
  }
  // No final state can be reached: the end is noted, and the request is no longer in flight.
  request.emitNote('note', signal, fields)
  request.release()
}
