import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { authenticate, type EntryOptions } from './entry.ts'
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
  // A fault of ours costs the request its lines, but neither its answer nor the check of its caller.
  const tracking = errors.run(() => startTracking(core, options, info))
  if (tracking === undefined) return (await passes(source, options)) ? serve() : refuse()
  const { request } = tracking
  let answer: FetchAnswer
  try {
    const allowed = admit(request, source, options)
    answer = (typeof allowed === 'boolean' ? allowed : await allowed) ? await run(request, serve) : refuse()
  } catch (error) {
    errors.run(() => tracking.failed(error))
    throw error
  }
  try {
    return await tracking.answered(answer, info.fault?.())
  } catch (fault) {
    errors.report(fault)
    errors.run(() => request.finish(endFromStatus(request, answer?.status)))
    return answer
  }
}

function unauthorized(): Response {
  return new Response('Unauthorized\n', { status: 401 })
}

function startTracking<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): FetchTracking {
  const tracking = trackByHost(core, options, info)
  attachRequest(info.incoming, tracking.request)
  attachRequest(info.source, tracking.request)
  return tracking
}

function trackByHost<Source>(
  core: RequestCore,
  options: HandlerOptions<Source>,
  info: FetchRequestInfo<Source>,
): FetchTracking {
  const node = nodeOf(info.env)
  if (node === undefined) return trackByBody(core, options, info)
  const { incoming, outgoing } = node
  if (outgoing === undefined) return trackUpgradeOnNode(core, options, info, incoming)
  return trackOnNode(core, options, info, incoming, outgoing)
}

/** Runs the handler in the context of its request. If that fails before it has started, it runs without. */
function run<T>(request: TrackedRequest, handler: () => T): T {
  const progress = { started: false }
  try {
    return request.run(() => {
      progress.started = true
      return handler()
    })
  } catch (error) {
    if (progress.started) throw error
    request.core.settings.errors.report(error)
    return handler()
  }
}

/** Authenticates the caller. If our part of that fails, the application's own check decides. */
function admit<Source>(
  request: TrackedRequest,
  source: Source,
  options: EntryOptions<Source>,
): boolean | Promise<boolean> {
  const byCheck = (fault: unknown): Promise<boolean> => {
    request.core.settings.errors.report(fault)
    return passes(source, options)
  }
  try {
    const allowed = authenticate(request, source, options)
    return typeof allowed === 'boolean' ? allowed : allowed.catch(byCheck)
  } catch (fault) {
    return byCheck(fault)
  }
}

/** What the application's own check says of the caller. */
async function passes<Source>(source: Source, { auth, authenticate: check }: EntryOptions<Source>): Promise<boolean> {
  if (check === undefined || auth === 'manual') return true
  try {
    return (await check(source)) !== false
  } catch {
    return false
  }
}
