import { currentRequest } from '../../tracking/current-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { reachesTarget, targetOf } from './destination.ts'
import { rearmSocketTimeout } from './socket-timeout.ts'
import { watchOutgoing } from './watch-request.ts'
import { startPropagatedCall } from '../_calls.ts'
import { isObject } from '../_objects.ts'
import type { IsTarget } from '../_propagation-targets.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

/**
 * Wraps an agent's `addRequest`, which runs once per request and so at each hop of a redirect: it adds the missing
 * trace headers.
 */
export function agentMethods(isTarget: IsTarget): Readonly<Record<string, MethodWrapper>> {
  return {
    addRequest:
      (addRequest) =>
      (outgoing, options, ...legacy) => {
        const request = currentRequest()
        if (request !== undefined) {
          addHeaders(request, isTarget, outgoing, isObject(options) ? options.port : legacy[0])
          rearmSocketTimeout(outgoing)
        }
        return addRequest(outgoing, options, ...legacy)
      },
  }
}

/** The members of Node's `ClientRequest` that are used. */
interface ClientRequestLike {
  readonly headersSent: boolean
  readonly protocol: string
  readonly host: string
  readonly path: string
  readonly method: string
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): unknown
}

function addHeaders(request: TrackedRequest, isTarget: IsTarget, outgoing: unknown, port: unknown): void {
  // Headers in an array, or with `Expect`, are already rendered by now, and cannot be added to.
  if (!isClientRequest(outgoing) || outgoing.headersSent) return
  const { protocol, host, path, method } = outgoing
  const destination = { protocol, host, port, path, hostHeader: outgoing.getHeader('host') }
  if (!reachesTarget(request, isTarget, destination)) return
  const { headers, end } = startPropagatedCall(
    request,
    (name) => outgoing.hasHeader(name),
    () => targetOf(destination, method),
  )
  for (const [name, value] of headers) outgoing.setHeader(name, value)
  if (end !== undefined) watchOutgoing(outgoing, end)
}

/** Other clients may use an agent too. */
function isClientRequest(value: unknown): value is ClientRequestLike {
  return (
    isObject(value) &&
    typeof value.setHeader === 'function' &&
    typeof value.hasHeader === 'function' &&
    typeof value.host === 'string'
  )
}
