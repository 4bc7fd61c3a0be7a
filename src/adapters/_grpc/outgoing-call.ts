import type { Listener, Metadata } from '@grpc/grpc-js'
import type { OnCallEnd } from '../../tracking/calls.ts'
import { badOption } from '../../tracking/settings.ts'
import type { HeaderChanges } from '../_header-changes.ts'
import { endOfCall } from './status.ts'

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for names of headers that are no keys of metadata */
export function checkKeys(names: readonly string[]): void {
  for (const name of names)
    if (!/^[0-9a-z_.-]+$/.test(name) || name.endsWith('-bin'))
      throw badOption('headers.echo', `names that gRPC allows for texts, and not "${name}"`)
}

/** The values of a key; undefined if there are none. */
export function ownValue(metadata: Metadata, key: string): unknown {
  const values = metadata.get(key)
  return values.length === 0 ? undefined : values
}

/** A copy with the trace headers of a call: a caller may use one Metadata for many calls. */
export function withTraceHeaders(metadata: Metadata, { headers, dropped }: HeaderChanges): Metadata {
  const copy = metadata.clone()
  for (const key of dropped) copy.remove(key)
  for (const [key, value] of headers) {
    // An id may be read from a key of binary values, which takes no text.
    if (key.endsWith('-bin')) copy.remove(key)
    else copy.set(key, value)
  }
  return copy
}

/** A listener that reports the end of a call: calls of all kinds end with one status. */
export function statusListener(end: OnCallEnd): Listener {
  return {
    onReceiveStatus(status, next) {
      end(endOfCall(status))
      next(status)
    },
  }
}
