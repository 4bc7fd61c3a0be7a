import type { Metadata } from '@grpc/grpc-js'
import { missingHeaders } from '../_trace-headers.ts'

/** A copy with the headers that the caller has not set: a caller may use one Metadata for many calls. */
export function withTraceHeaders(metadata: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  const copy = metadata.clone()
  for (const [key, value] of missingHeaders(headers, (name) => metadata.get(name).length > 0)) copy.set(key, value)
  return copy
}
