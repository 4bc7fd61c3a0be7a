import https from 'node:https'
import { currentRequest } from '../tracking/current-request.ts'
import { badOption } from '../tracking/settings.ts'
import { agentMethods } from './_http/agent-methods.ts'
import { withTraceHeaders } from './_http/traced-args.ts'
import { watchRequest } from './_http/watch-request.ts'
import { rearmSocketTimeout } from './_http/socket-timeout.ts'
import { compileTargets, type IsTarget, type PropagateOptions } from './_propagation-targets.ts'
import { wrapMethods, type AnyFunction } from './_wrap-methods.ts'

export type { PropagateOptions, Target } from './_propagation-targets.ts'

/** `request` of node:http or node:https, or of a module that replaces them. */
export type RequestFunction = (...args: never[]) => { setHeader(name: string, value: string): unknown }

/** The members of node:http and node:https that are used. */
export interface HttpModule {
  readonly request: RequestFunction
  readonly get: RequestFunction
}

/** An agent of node:http or node:https; `addRequest`, which is wrapped, is not in Node's types. */
export interface HttpAgent {
  readonly sockets: object
  readonly requests: object
  destroy(): void
}

/**
 * Wraps Node's HTTP client: its requests to the hosts of `to` carry the trace (`x-trace-id`, `traceparent`,
 * `tracestate`).
 *
 * Takes and returns the module, its `request` alone (got's `request`), or an agent (got's `agent`, axios's `httpAgent`
 * and `httpsAgent`). An agent is asked at each hop of a redirect, so that a third-party host to which a request is
 * redirected does not receive the trace. An agent is wrapped once, and its first `to` applies.
 *
 * Headers that the caller has set stay, those that were copied from the current request are replaced, and requests
 * outside a tracked one are unchanged.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for a `to` or a client that cannot be used
 * @example const client = propagate(http, { to: ['catalog.internal', '*.svc.local'] })
 */
export function propagate<T extends RequestFunction | HttpModule | HttpAgent>(
  client: T,
  options: PropagateOptions = {},
): T {
  const isTarget = compileTargets(options)
  // The result is called, and returns, as the client does.
  if (typeof client === 'function')
    return wrapRequest(client as unknown as AnyFunction, isTarget, protocolOf(client)) as unknown as T
  if ('addRequest' in client) return wrapMethods(client, agentMethods(isTarget))
  if ('request' in client) return wrapModule(client, isTarget) as T
  throw badOption('client', 'node:http or node:https, their request, or an agent of theirs')
}

function wrapRequest(original: AnyFunction, isTarget: IsTarget, protocol: string): AnyFunction {
  return (...args) => {
    const request = currentRequest()
    if (request === undefined) return original(...args)
    const { sent, end } = withTraceHeaders(request, isTarget, args, protocol)
    const outgoing = end === undefined ? original(...sent) : watchRequest(() => original(...sent), end)
    rearmSocketTimeout(outgoing)
    return outgoing
  }
}

/** Returns a new module each time: the hosts that one user of node:http names must not apply to another. */
function wrapModule(client: HttpModule, isTarget: IsTarget): unknown {
  const method = (name: 'request' | 'get'): PropertyDescriptor => ({
    // Read at each call, since other instrumentation of node:http may replace it later.
    value: wrapRequest((...args) => Reflect.apply(client[name], client, args), isTarget, protocolOf(client)),
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
