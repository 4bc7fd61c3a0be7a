import type { Listener, Metadata } from '@grpc/grpc-js'
import type { OnCallEnd } from '../../tracking/calls.ts'
import { badOption } from '../../tracking/settings.ts'
import type { PropagatedCall } from '../_calls.ts'
import { endOfCall } from './status.ts'

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for names of headers that are no keys of metadata */
export function checkKeys(names: readonly string[]): void {
  for (const name of names)
    if (!/^[0-9a-z_.-]+$/.test(name) || name.endsWith('-bin'))
      throw badOption('headers.echo', `names that gRPC allows for texts, and not "${name}"`)
}

/** A copy with the trace headers of a call: a caller may use one Metadata for many calls. */
export function withTraceHeaders(metadata: Metadata, headers: PropagatedCall['headers']): Metadata {
  const copy = metadata.clone()
  for (const [key, value] of headers) copy.set(key, value)
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
