import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticateThen } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { subscribeToRouter, watchErrors } from './errors.ts'
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
  const { errors } = core.settings
  return (req, res, next) => {
    errors.run(() => watchErrors(req.app?._router?.stack))
    const path = (): string | undefined => routeOf(req, framework.isHandler) ?? req.originalUrl
    const tracking = trackNodeRequest(core, options, req, res, { path, source: req })
    const reject = (): void =>
      void res.writeHead(401, { 'content-type': 'text/plain; charset=utf-8' }).end('Unauthorized\n')
    authenticateThen(core, tracking?.request, req, options, { serve: next, reject, onError: next }, framework)
  }
}
