import { currentRequest } from '../../tracking/current-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { rearmSocketTimeout } from './timeouts.ts'
import { reachesTarget } from './urls.ts'
import { isRecord } from '../_send.ts'
import { missingHeaders } from '../_missing-headers.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

/** Has an agent complete the headers of each request that it is to find a socket for: that is once for every hop of a redirect. */
export function agentMethods(told: (url: URL) => boolean): Readonly<Record<string, MethodWrapper>> {
  return {
    addRequest:
      (addRequest) =>
      (outgoing, options, ...legacy) => {
        const request = currentRequest()
        if (request !== undefined) {
          complete(request, told, outgoing, isRecord(options) ? options.port : legacy[0])
          rearmSocketTimeout(outgoing)
        }
        return addRequest(outgoing, options, ...legacy)
      },
  }
}

/** The members of node's `ClientRequest` that are touched. */
interface Outgoing {
  readonly headersSent: boolean
  readonly protocol: string
  readonly host: string
  readonly path: string
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): unknown
}

function complete(request: TrackedRequest, told: (url: URL) => boolean, outgoing: unknown, port: unknown): void {
  // Its head is rendered where its headers came as an array, or with `Expect`: then nothing can be added to it any more.
  if (!isOutgoing(outgoing) || outgoing.headersSent) return
  const { protocol, host, path } = outgoing
  if (!reachesTarget(request, told, { protocol, host, port, path, hostHeader: outgoing.getHeader('host') })) return
  for (const [name, value] of missingHeaders(request.headers(), (name) => outgoing.hasHeader(name)))
    outgoing.setHeader(name, value)
}

/** Clients of another make may ask an agent as well. */
function isOutgoing(value: unknown): value is Outgoing {
  return (
    isRecord(value) &&
    typeof value.setHeader === 'function' &&
    typeof value.hasHeader === 'function' &&
    typeof value.host === 'string'
  )
}
