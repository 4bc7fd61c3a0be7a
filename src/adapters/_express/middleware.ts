import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticateThen } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { nodeRequests } from '../_node-requests.ts'
import { routeOf, type IsRequestHandler, type RoutedRequest } from './route.ts'

/** An Express middleware, with the members that are used. */
export type Middleware<Req> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

/** Express's `req`: Node's request, and the members of Express's own that are used. */
export type ExpressRequest = IncomingMessage & RoutedRequest

/**
 * The tracking middleware, for Express and for frameworks built on it.
 *
 * @param framework for a framework built on Express: `isHandler` tells the handlers that answer requests from others on
 *   a route, by default all answer; `hasPhase` says that it calls `enterHandler` itself
 */
export function middleware<Req extends ExpressRequest>(
  core: RequestCore,
  options: HandlerOptions<Req>,
  framework: { readonly isHandler?: IsRequestHandler; readonly hasPhase?: boolean } = {},
): Middleware<Req> {
  subscribeToRouterErrors()
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

/** Subscribes once per process: Express publishes the errors of all its applications on one channel. */
function subscribeToRouterErrors(): void {
  if (subscribed) return
  subscribed = true
  subscribe('tracing:express.router.request:error', (message) => {
    // The documented shape of these messages.
    const { req, error } = message as { readonly req?: object; readonly error?: unknown }
    if (req !== undefined) nodeRequests.get(req)?.handlerFailed(error)
  })
}
