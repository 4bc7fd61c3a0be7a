import { currentRequest } from '../../tracking/current-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { reachesTarget, targetOf } from './destination.ts'
import { renderedHead } from './rendered-head.ts'
import { rearmSocketTimeout } from './socket-timeout.ts'
import { watchOutgoing } from './watch-request.ts'
import { startPropagatedCall } from '../_calls.ts'
import type { HeaderChanges } from '../_header-changes.ts'
import { isObject } from '../_objects.ts'
import type { IsTarget } from '../_propagation-targets.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

/**
 * Wraps an agent's `addRequest`, which runs once per request and so at each hop of a redirect: it adds the trace
 * headers.
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
  removeHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
}

function addHeaders(request: TrackedRequest, isTarget: IsTarget, outgoing: unknown, port: unknown): void {
  if (!isClientRequest(outgoing)) return
  const head = outgoing.headersSent ? renderedHead(outgoing) : undefined
  if (outgoing.headersSent && head === undefined) return
  const own = head?.own ?? ((name: string): unknown => outgoing.getHeader(name))
  const { protocol, host, path, method } = outgoing
  const destination = { protocol, host, port, path, hostHeader: [own('host')].flat().at(-1) }
  if (!reachesTarget(request, isTarget, destination)) return
  const { end, ...changes } = startPropagatedCall(request, own, () => targetOf(destination, method))
  if (head === undefined) changeHeaders(outgoing, changes)
  else head.change(changes)
  if (end !== undefined) watchOutgoing(outgoing, end)
}

function changeHeaders(outgoing: ClientRequestLike, { headers, dropped }: HeaderChanges): void {
  for (const name of dropped) outgoing.removeHeader(name)
  for (const [name, value] of headers) outgoing.setHeader(name, value)
}

/** Other clients may use an agent too. */
function isClientRequest(value: unknown): value is ClientRequestLike {
  return (
    isObject(value) &&
    typeof value.setHeader === 'function' &&
    typeof value.getHeader === 'function' &&
    typeof value.removeHeader === 'function' &&
    typeof value.host === 'string'
  )
}
