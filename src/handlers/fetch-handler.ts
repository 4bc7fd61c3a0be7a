import { attachedRequest, attachRequest } from '../tracking/current-request.ts'
import { endFromStatus } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { authenticate, runFor } from './entry.ts'
import { trackByBody } from './fetch-by-body.ts'
import { nodeOf, trackOnNode, trackUpgradeOnNode } from './fetch-on-node.ts'
import type { FetchAnswer, FetchRequestInfo, FetchTracking } from './fetch-tracking.ts'
import type { HandlerOptions } from './handler-options.ts'

/**
 * A fetch-style handler; the arguments after the request are the host's own (env, context). On Bun it returns undefined
 * once the connection is a WebSocket.
 */
export type FetchHandler<Rest extends unknown[] = unknown[], Answer extends FetchAnswer = Response> = (
  request: Request,
  ...rest: Rest
) => Answer | Promise<Answer>

/** What the fetch-style wrapper takes besides the tracker's options. */
export type FetchHandlerOptions = HandlerOptions<Request>

/**
 * Tracks one request of a fetch-style handler until its response has ended.
 *
 * An error of the handler is passed on to the host, which answers it as usual.
 */
export function handleFetch(
  core: RequestCore,
  handler: FetchHandler<unknown[], FetchAnswer>,
  options: FetchHandlerOptions,
  incoming: Request,
  ...rest: unknown[]
): Promise<FetchAnswer> {
  return trackFetch(core, options, {
    incoming,
    source: incoming,
    env: rest[0],
    serve: () => handler(incoming, ...rest),
  })
}

/** {@link handleFetch} for hosts that know more about a request. */
export async function trackFetch<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): Promise<FetchAnswer> {
  const { source, serve, refuse = unauthorized } = info
  const { errors } = core.settings
  const tracking = errors.run(() => startTracking(core, options, info))
  const request = tracking?.request
  let answer: FetchAnswer
  try {
    const allowed = authenticate(core, request, source, options)
    const isAllowed = typeof allowed === 'boolean' ? allowed : await allowed
    answer = isAllowed ? await runFor(request, serve) : refuse()
  } catch (error) {
    errors.run(() => tracking?.failed(error))
    throw error
  }
  if (tracking === undefined) return answer
  try {
    return await tracking.answered(answer, info.fault?.())
  } catch (fault) {
    errors.report(fault)
    tracking.request.finish(() => endFromStatus(tracking.request, answer?.status))
    return answer
  }
}

function unauthorized(): Response {
  return new Response('Unauthorized\n', { status: 401 })
}

/** Undefined if tracking failed: the request goes on without. */
function startTracking<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): FetchTracking | undefined {
  const outer = attachedRequest(info.incoming)
  // A request that a wrapper or a middleware around this one tracks stays as it is.
  if (outer?.ended === false) return { request: outer, answered: (answer) => answer, failed: () => undefined }
  const tracking = trackByHost(core, options, info)
  if (tracking === undefined) return undefined
  attachRequest(info.incoming, tracking.request)
  attachRequest(info.source, tracking.request)
  return tracking
}

function trackByHost<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): FetchTracking | undefined {
  const node = nodeOf(info.env)
  if (node === undefined) return trackByBody(core, options, info)
  const { incoming, outgoing } = node
  if (outgoing === undefined) return trackUpgradeOnNode(core, options, info, incoming)
  return trackOnNode(core, options, info, incoming, outgoing)
}
