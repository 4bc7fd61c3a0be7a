import type { Metadata } from '@grpc/grpc-js'
import { badOption } from '../../tracking/settings.ts'
import { missingHeaders } from '../_trace-headers.ts'

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for names of headers that are no keys of metadata */
export function checkKeys(names: readonly string[]): void {
  for (const name of names)
    if (!/^[0-9a-z_.-]+$/.test(name) || name.endsWith('-bin'))
      throw badOption('headers.echo', `names that gRPC allows for texts, and not "${name}"`)
}

/** A copy with the headers that the caller has not set: a caller may use one Metadata for many calls. */
export function withTraceHeaders(metadata: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  const copy = metadata.clone()
  for (const [key, value] of missingHeaders(headers, (name) => metadata.get(name).length > 0)) copy.set(key, value)
  return copy
}
