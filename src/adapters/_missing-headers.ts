import { HEADERS } from '../trace/carrier.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** The headers that a message is to get besides its own: what its caller set stays as it is. */
export function missingHeaders(request: TrackedRequest, has: (name: string) => boolean): readonly (readonly [name: string, value: string])[] {
  // The tracestate belongs to its traceparent: with another's it would speak of the wrong trace.
  const foreign = has(HEADERS.traceparent)
  return Object.entries(request.headers()).filter(([name]) => !has(name) && !(foreign && name === HEADERS.tracestate))
}
