import https from 'node:https'
import { currentRequest } from '../tracking/current-request.ts'
import { badOption } from '../tracking/settings.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { agentMethods } from './_http/agent.ts'
import { parseArgs } from './_http/request-args.ts'
import { rearmSocketTimeout } from './_http/timeouts.ts'
import { reachesTarget } from './_http/urls.ts'
import { missingHeaders } from './_missing-headers.ts'
import { wrapMethods } from './_wrap-methods.ts'
import { compileTargets, type PropagateOptions } from './_propagation-targets.ts'

export type { PropagateOptions, Target } from './_propagation-targets.ts'

/** `request` of node:http or node:https, or of a module that stands for them. */
export type RequestFunction = (...args: never[]) => { setHeader(name: string, value: string): unknown }

/** node:http or node:https, as far as they are touched. */
export interface HttpModule {
  readonly request: RequestFunction
  readonly get: RequestFunction
}

/** An agent of either; that it has `addRequest` node's types do not tell. */
export interface HttpAgent {
  readonly sockets: object
  readonly requests: object
  destroy(): void
}

/**
 * node's own client, whose requests to the hosts of `to` carry the trace: `x-trace-id`, `traceparent` and `tracestate`.
 *
 * It may be the module, its `request` alone (got's `request`), or an agent (got's `agent`, `httpAgent` and `httpsAgent`
 * of axios), and comes back as the same. An agent is asked at each hop of a redirect, so that a stranger who is redirected
 * to is not told; it is wrapped once, and its first `to` holds.
 *
 * Headers that the caller set are left as they are, and so is every request outside of a tracked one. What an agent gets
 * with its headers as an array, or with `Expect`, goes as it is, since its head is rendered by then.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for a `to` or a client that cannot be used
 * @example const client = propagate(http, { to: ['catalog.internal', '*.svc.local'] })
 */
export function propagate<T extends RequestFunction | HttpModule | HttpAgent>(
  client: T,
  options: PropagateOptions = {},
): T {
  const told = compileTargets(options.to)
  // What comes back is called, and answers, as what was given.
  if (typeof client === 'function')
    return requesting(client as unknown as Call, told, protocolOf(client)) as unknown as T
  if ('addRequest' in client) return wrapMethods(client, agentMethods(told))
  if ('request' in client) return moduleLike(client, told) as T
  throw badOption('client', 'node:http or node:https, their request, or an agent of theirs')
}

type Call = (...args: unknown[]) => unknown

function requesting(original: Call, told: (url: URL) => boolean, protocol: string): Call {
  return (...args) => {
    const request = currentRequest()
    if (request === undefined) return original(...args)
    const outgoing = original(...withTraceHeaders(request, told, args, protocol))
    rearmSocketTimeout(outgoing)
    return outgoing
  }
}

function withTraceHeaders(
  request: TrackedRequest,
  told: (url: URL) => boolean,
  args: readonly unknown[],
  protocol: string,
): readonly unknown[] {
  try {
    const call = parseArgs(args, protocol)
    return call !== undefined && reachesTarget(request, told, call.destination)
      ? call.with(missingHeaders(request.headers(), call.has))
      : args
  } catch {
    // What cannot be read is node's to complain about.
    return args
  }
}

/** Each module of its own: the hosts that one user of node:http names are not told for another. */
function moduleLike(client: HttpModule, told: (url: URL) => boolean): unknown {
  const method = (name: 'request' | 'get'): PropertyDescriptor => ({
    // Looked up at each call: what else instruments node:http may replace it later.
    value: requesting((...args) => Reflect.apply(client[name], client, args), told, protocolOf(client)),
    enumerable: true,
    writable: true,
    configurable: true,
  })
  return Object.create(client, { request: method('request'), get: method('get') })
}

function protocolOf(client: object): string {
  const agent = 'globalAgent' in client ? client.globalAgent : undefined
  return client === https.request || agent instanceof https.Agent ? 'https:' : 'http:'
}
