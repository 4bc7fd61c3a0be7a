import { w3cTraceId } from '../src/trace/trace-id.ts'
import type { TrackedRequest } from '../src/index.ts'

/** The parent id that a call sends: the request id with the number of the call in its last three digits, if they are 000. */
export function parentOfCall(requestId: string, call = 1): string {
  return requestId.endsWith('000') ? `${requestId.slice(0, 13)}${call.toString(16).padStart(3, '0')}` : requestId
}

/** The headers that a call of a request sends. Unlike `request.headers()` it takes no number. */
export function headersOfCall({ context, requestId }: TrackedRequest, call = 1): Record<string, string> {
  const { traceId, flags, tracestate } = context
  return {
    'x-trace-id': traceId,
    traceparent: `00-${w3cTraceId(traceId)}-${parentOfCall(requestId, call)}-0${String(flags & 3)}`,
    ...(tracestate === undefined ? {} : { tracestate }),
  }
}

/** What names the request itself as the parent: the message that hands it off, without `x-lifecycle`, and SQL. */
export function headersOfHandOff(request: TrackedRequest): Record<string, string> {
  return headersOfCall(request, 0)
}
