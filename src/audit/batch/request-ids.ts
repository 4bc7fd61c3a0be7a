import { displayTraceId } from '../../history/history.ts'

/** What a request is called. */
export interface RequestIds {
  /** Trace and request: the same id in two traces is two requests. */
  readonly key: string
  readonly traceId: string
  readonly requestId: string
}

/** Ids that are no bits, as they are written. */
export interface OriginalIds {
  readonly traceId?: string
  readonly requestId?: string
}

/** The names of a request from the words of its key: four of the trace, two of the request. */
export function requestIdsOf(key: Uint32Array, { traceId, requestId }: OriginalIds = {}): RequestIds {
  const hex = Array.from(key.subarray(0, 6), (word) => word.toString(16).padStart(8, '0'))
  const trace = hex.slice(0, 4).join('')
  const request = requestId ?? hex.slice(4).join('')
  return { key: `${traceId ?? trace} ${request}`, traceId: traceId ?? displayTraceId(trace), requestId: request }
}
