import type { Listener, Metadata } from '@grpc/grpc-js'
import type { OnCallEnd } from '../../tracking/calls.ts'
import type { PropagatedCall } from '../_calls.ts'
import { endOfCall } from './status.ts'

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
