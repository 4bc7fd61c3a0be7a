import { requestIds, type RequestIds } from '../../history/history.ts'

/** Ids that are not stored as their bits, because they are no UUID or no 16 hex digits. */
export interface OriginalIds {
  readonly traceId?: string
  readonly requestId?: string
}

/** The ids of a request from the words of its key: four of the trace, two of the request. */
export function requestIdsOf(key: Uint32Array, { traceId, requestId }: OriginalIds = {}): RequestIds {
  const hex = Array.from(key.subarray(0, 6), (word) => word.toString(16).padStart(8, '0'))
  return requestIds(traceId ?? hex.slice(0, 4).join(''), requestId ?? hex.slice(4).join(''))
}
