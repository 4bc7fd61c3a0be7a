import type { Metadata } from '@grpc/grpc-js'
import { HEADERS } from '../../trace/carrier.ts'

/** A copy with the headers that are not there yet: users keep one Metadata for many calls. */
export function completed(metadata: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  const copy = metadata.clone()
  // A tracestate belongs to the traceparent beside it.
  const foreign = metadata.get(HEADERS.traceparent).length > 0
  for (const [key, value] of Object.entries(headers)) {
    if (metadata.get(key).length === 0 && !(foreign && key === HEADERS.tracestate)) copy.set(key, value)
  }
  return copy
}
