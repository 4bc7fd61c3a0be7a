import { status, type ServerInterceptingCall } from '@grpc/grpc-js'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import { accepts } from '../../tracking/signals.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'

/** How a call was answered. */
export type Status = Parameters<ServerInterceptingCall['sendStatus']>[0]

const { UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS } = status
/** The codes that tell of a fault of the server's; all others are its answer. A code that gRPC does not know is UNKNOWN. */
const FAULTS = new Set([UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS])

/** How a call ended, read off its status; `answered` where the handler sent it, and not grpc-js. */
export function endOf(request: TrackedRequest, { code, details }: Status, answered: boolean): RequestEnd {
  // A deadline passes on both sides, and whether the client's reset or our own timer comes first is chance:
  // the outcome is to be the same.
  const left = code === status.CANCELLED || (code === DEADLINE_EXCEEDED && !answered)
  if (left) return { outcome: 'aborted', status: code }
  const refused = code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED
  if (refused && accepts(request, 'AUTH_ERROR')) return { outcome: 'denied', status: code }
  const name = status[code] as string | undefined // A handler may send any number.
  if (name !== undefined && !FAULTS.has(code)) return { outcome: 'ok', status: code }
  return { outcome: 'error', status: code, error: { name: name ?? 'UNKNOWN', message: details } }
}
