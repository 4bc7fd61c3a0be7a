import { endFromStatus, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/**
 * How a response ended.
 *
 * - `finished`: all of it was passed to the operating system
 * - `aborted`: the client left before that
 * - `broken`: the server itself broke it off, as where the source of a stream fails
 */
export interface ResponseEnd {
  readonly how: 'finished' | 'aborted' | 'broken'
  /** Undefined if no status was sent. */
  readonly status: number | undefined
  /** What broke it off, if that is known. */
  readonly error?: unknown
}

/** What a response is watched for. */
export interface ResponseObserver {
  /** The headers that get the trace id when the head is sent, in lower case. */
  readonly idNames: readonly string[]
  readonly traceId: string
  /** Receives the end, once. It must not throw. */
  responseEnded(end: ResponseEnd): void
  /** Receives an error of ours; the response goes on. */
  report(error: unknown): void
}

/**
 * How a request of node:http or node:http2 ended: the one place where that is decided, from its response.
 *
 * @param thrown what the handler threw
 */
export function requestEnd(request: TrackedRequest, end: ResponseEnd, thrown: ThrownValue | undefined): RequestEnd {
  const { how, status } = end
  if (how === 'finished') return endFromStatus(request, status, thrown)
  if (how === 'aborted' && thrown === undefined) return { outcome: 'aborted', status }
  return { outcome: 'error', status, error: thrown === undefined ? (end.error ?? BROKEN_OFF) : thrown.error }
}

const BROKEN_OFF = { name: 'ResponseDestroyed', message: 'the response was destroyed before its end' }
