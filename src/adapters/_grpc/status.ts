import { status, type ServerInterceptingCall } from '@grpc/grpc-js'
import type { CallEnd } from '../../tracking/calls.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import { accepts } from '../../tracking/signals.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'

/** The status with which a call is answered. */
export type Status = Parameters<ServerInterceptingCall['sendStatus']>[0]

const { UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS } = status
/** The codes that report a server error; all others are answers. A code that gRPC does not define counts as UNKNOWN. */
const SERVER_ERRORS = new Set([UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS])

/** How a call ended for its client, who stops waiting when it cancels the call, or when its deadline passes. */
export function endOfCall({ code, details }: Pick<Status, 'code' | 'details'>): CallEnd {
  if (code === status.CANCELLED || code === DEADLINE_EXCEEDED) return { outcome: 'aborted', status: code }
  return isServerError(code)
    ? { outcome: 'error', status: code, error: { name: nameOf(code), message: details } }
    : { outcome: 'ok', status: code }
}

/** A handler may send any number. */
function isServerError(code: Status['code']): boolean {
  return SERVER_ERRORS.has(code) || !(code in status)
}

function nameOf(code: Status['code']): string {
  const name = status[code] as string | undefined
  return name ?? 'UNKNOWN'
}

/**
 * How a call ended, by its status.
 *
 * @param answered whether the handler sent the status, and not grpc-js
 */
export function endOf(request: TrackedRequest, { code, details }: Status, answered: boolean): RequestEnd {
  // A deadline expires on both sides at once. Whichever comes first, the client's reset or the server's own timer, the
  // outcome must be the same.
  const cancelled = code === status.CANCELLED || (code === DEADLINE_EXCEEDED && !answered)
  if (cancelled) return { outcome: 'aborted', status: code }
  const refused = code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED
  if (refused && accepts(request, 'AUTH_ERROR')) return { outcome: 'denied', status: code }
  if (!isServerError(code)) return { outcome: 'ok', status: code }
  return { outcome: 'error', status: code, error: { name: nameOf(code), message: details } }
}
