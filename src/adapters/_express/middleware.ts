import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticateThen } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { trackNodeRequest, type NodeRequestTracking } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { bindToChannel } from '../../tracking/storage.ts'
import { nodeRequests } from '../_node-requests.ts'
import { routeOf, type IsRequestHandler, type RoutedRequest } from './route.ts'

/** An Express middleware, with the members that are used. */
export type Middleware<Req> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

/** Express's `req`: Node's request, and the members of Express's own that are used. */
export type RoutableRequest = IncomingMessage & RoutedRequest

/**
 * The tracking middleware, for Express and for frameworks built on it.
 *
 * @param framework for a framework built on Express: `isHandler` tells the handlers that answer requests from others on
 *   a route, by default all answer; `hasPhase` says that it calls `enterHandler` itself
 */
export function middleware<Req extends RoutableRequest>(
  core: RequestCore,
  options: HandlerOptions<Req>,
  framework: { readonly isHandler?: IsRequestHandler; readonly hasPhase?: boolean } = {},
): Middleware<Req> {
  subscribeToRouter()
  return (req, res, next) => {
    const tracking = trackNodeRequest(core, options, req, res, {
      path: routeOf(req, framework.isHandler) ?? req.originalUrl,
      source: req,
    })
    nodeRequests.set(req, tracking)
    const reject = (): void =>
      void res.writeHead(401, { 'content-type': 'text/plain; charset=utf-8' }).end('Unauthorized\n')
    authenticateThen(tracking.request, req, options, { serve: next, reject, onError: next }, framework)
  }
}

let subscribed = false

/** The documented shape of the router's messages. */
interface RouterMessage {
  readonly req?: object
  readonly error?: unknown
}

/**
 * Subscribes once per process: Express publishes the steps of all its applications on one channel.
 *
 * Each handler then starts in the context of its request, also where one before it has called `next` in the callback of a
 * connection that another request has opened.
 */
function subscribeToRouter(): void {
  if (subscribed) return
  subscribed = true
  const trackingOf = ({ req }: RouterMessage): NodeRequestTracking | undefined =>
    req === undefined ? undefined : nodeRequests.get(req)
  bindToChannel(`${CHANNEL}:start`, (message) => trackingOf(message as RouterMessage)?.request)
  subscribe(`${CHANNEL}:error`, (message) => {
    const routed = message as RouterMessage
    trackingOf(routed)?.handlerFailed(routed.error)
  })
}

const CHANNEL = 'tracing:express.router.request'
