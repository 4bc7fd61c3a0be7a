import { HEADERS, inject } from '../trace/carrier.ts'
import { startCall, type CallEnd, type CallTarget, type OnCallEnd } from '../tracking/calls.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { changesTo, isSet, type HeaderChanges, type OwnHeader } from './_header-changes.ts'
import { isObject } from './_objects.ts'

/** A call of a client that propagates. */
export interface PropagatedCall extends HeaderChanges {
  /** Undefined if nobody wants the record of the call. */
  readonly end: OnCallEnd | undefined
}

/**
 * Starts a call of a client. It takes no number, and has no record, if the caller has set a traceparent: then another
 * parent is sent.
 */
export function startPropagatedCall(
  request: TrackedRequest,
  own: OwnHeader,
  describe: () => CallTarget,
): PropagatedCall {
  const start = (): PropagatedCall => {
    if (isSet(request, own, HEADERS.traceparent)) return { ...callHeaders(request, own), end: undefined }
    const { headers, end } = startCall(request, describe)
    return { ...changesTo(request, own, headers), end }
  }
  return request.core.settings.errors.run(start) ?? { headers: [], dropped: [], end: undefined }
}

/** The headers of a call whose end cannot be seen. */
export function callHeaders(request: TrackedRequest, own: OwnHeader): HeaderChanges {
  const change = (): HeaderChanges => {
    const sendsOther = isSet(request, own, HEADERS.traceparent)
    return changesTo(request, own, sendsOther ? inject(request.context) : request.headers())
  }
  return request.core.settings.errors.run(change) ?? { headers: [], dropped: [] }
}

/** How the end of a call is read from what its client returned or threw. */
export interface EndReader {
  readonly endOf?: (value: unknown) => CallEnd
  readonly endOfThrown?: (error: unknown) => CallEnd
}

/**
 * Runs a call, and reports its end once the result has settled.
 *
 * @returns the result, or a promise of it: a rejection that nobody handles stays unhandled
 */
export function watchCall<T>(
  run: () => T,
  end: OnCallEnd,
  { endOf = () => ({ outcome: 'ok' }), endOfThrown = endOfError }: EndReader = {},
): T {
  let result: T
  try {
    result = run()
  } catch (error) {
    end(endOfThrown(error))
    throw error
  }
  if (!isThenable(result)) {
    end(endOf(result))
    return result
  }
  const onDone = (value: unknown): void => end(endOf(value))
  const onError = (error: unknown): void => end(endOfThrown(error))
  // A promise of another class may have methods of its own, such as `json()`.
  if (!isPlainPromise(result)) {
    result.then(onDone, onError)
    return result
  }
  const watched = result.then(
    (value: unknown) => {
      onDone(value)
      return value
    },
    (error: unknown) => {
      onError(error)
      throw error
    },
  )
  // It resolves to the same value.
  return watched as T
}

function isPlainPromise(value: unknown): boolean {
  return value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype
}

/** The end of a call that threw: the caller has stopped waiting, or there is no answer. */
export function endOfError(error: unknown): CallEnd {
  return { outcome: isAbort(error) ? 'aborted' : 'error', error: causeOf(error) }
}

/** The end of an HTTP call that was answered. */
export function endOfStatus(status: unknown): CallEnd {
  if (typeof status !== 'number') return { outcome: 'ok' }
  return { outcome: status >= 500 ? 'error' : 'ok', status }
}

const ABORTS: ReadonlySet<unknown> = new Set(['AbortError', 'TimeoutError', 'CanceledError', 'CancelError'])

function isAbort(error: unknown): boolean {
  return isObject(error) && (ABORTS.has(error.name) || error.code === 'ABORT_ERR' || error.code === 'ERR_CANCELED')
}

/** fetch throws `fetch failed`, and says why in the error's cause. */
function causeOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error
}
