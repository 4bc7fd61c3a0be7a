import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { initWithIds } from './fetch-body.ts'
import type { FetchRequestInfo, FetchTracking } from './fetch-tracking.ts'
import type { HandlerOptions } from './handler-options.ts'
import { endOfHandshake, watchHandshake } from './handshake.ts'
import { trackNodeRequest } from './node-request.ts'
import { acceptWith } from './request-options.ts'

/** What a fetch-style host on node:http, such as @hono/node-server, passes along: an upgrade has no response. */
interface NodeEnv {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse | undefined
}

/** Node's request and response, where a host passes them along. */
export function nodeOf(env: unknown): NodeEnv | undefined {
  if (!has(env, 'incoming', 'outgoing') || !has(env.incoming, 'headers', 'socket')) return undefined
  if (env.outgoing !== undefined && !has(env.outgoing, 'setHeader', 'writableEnded')) return undefined
  // Checked by their members, as those of node:http2 are of other classes.
  return env as unknown as NodeEnv
}

function has<Name extends string>(value: unknown, ...names: readonly Name[]): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && names.every((name) => name in value)
}

/**
 * Tracks a request by Node's own response, which carries the trace id: that of the handler is left as it is, so that the
 * host sends it as without us, and a handler may write to Node's response itself.
 */
export function trackOnNode<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  { path, source }: FetchRequestInfo<Source>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): FetchTracking | undefined {
  const tracking = trackNodeRequest(core, options, incoming, outgoing, { path: () => path ?? incoming.url, source })
  if (tracking === undefined) return undefined
  return {
    request: tracking.request,
    answered(answer, thrown) {
      if (thrown !== undefined) tracking.handlerFailed(thrown.error)
      return answer
    },
    failed: (error) => tracking.handlerFailed(error),
  }
}

/**
 * Tracks a request for a WebSocket until its handshake, which the host does once it has the response: of that it sends
 * the status and the headers, and reads no body.
 */
export function trackUpgradeOnNode<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  { path, source }: FetchRequestInfo<Source>,
  { headers, method, url, socket }: IncomingMessage,
): FetchTracking {
  const request = acceptWith(core, options, headers, { method, path: path ?? url, source })
  let thrown: ThrownValue | undefined
  watchHandshake(socket, (handshake) => request.finish(() => endOfHandshake(request, handshake, thrown)))
  return {
    request,
    answered(answer, error) {
      thrown = error
      return answer === undefined ? answer : new Response(answer.body, initWithIds(request, answer))
    },
    failed(error) {
      if (request.ended) request.emitNote('note', 'FAIL', { error })
      request.finish({ outcome: 'error', status: 500, error })
    },
  }
}
