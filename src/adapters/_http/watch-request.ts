import { errorMonitor } from 'node:events'
import type { OnCallEnd } from '../../tracking/calls.ts'
import { endOfError, endOfStatus } from '../_calls.ts'
import { isObject } from '../_objects.ts'

/** The members of Node's `ClientRequest` that are used. */
interface ClientRequestLike {
  readonly destroyed: boolean
  readonly res?: unknown
  listenerCount(event: string): number
  once(event: string | symbol, listener: (value: unknown) => void): unknown
  prependOnceListener(event: string, listener: (value: unknown) => void): unknown
}

/** Sends a request, and reports its end: with the head of the response, or with an error. */
export function watchRequest(send: () => unknown, end: OnCallEnd): unknown {
  let outgoing: unknown
  try {
    outgoing = send()
  } catch (error) {
    end(endOfError(error))
    throw error
  }
  watchOutgoing(outgoing, end)
  return outgoing
}

/** Reports the end of a request that is being sent. Its errors stay unhandled if nobody else handles them. */
export function watchOutgoing(outgoing: unknown, end: OnCallEnd): void {
  if (!isClientRequest(outgoing)) return
  outgoing.prependOnceListener('response', (response) => {
    end(endOfStatus(statusOf(response)))
    // Node discards the body of a response that nobody listens for; this listener must not keep it from that.
    if (outgoing.listenerCount('response') === 0 && isReadable(response)) response.resume()
  })
  outgoing.once(errorMonitor, (error) => {
    const failed = endOfError(error)
    // Before an error of the connection is emitted, the request is not destroyed yet: then its caller destroyed it.
    end(outgoing.destroyed ? { ...failed, outcome: 'aborted' } : failed)
  })
  // After an upgrade or a CONNECT there is no event `response`, and after an abort there may be no error.
  outgoing.once('close', () => {
    const status = statusOf(outgoing.res)
    end(status === undefined ? { outcome: 'aborted' } : endOfStatus(status))
  })
}

function statusOf(response: unknown): number | undefined {
  return isObject(response) && typeof response.statusCode === 'number' ? response.statusCode : undefined
}

function isReadable(value: unknown): value is { resume(): unknown } {
  return isObject(value) && typeof value.resume === 'function'
}

function isClientRequest(value: unknown): value is ClientRequestLike {
  return isObject(value) && typeof value.prependOnceListener === 'function' && typeof value.listenerCount === 'function'
}
