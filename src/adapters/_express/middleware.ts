import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticateThen, type AuthOptions } from '../../handlers/authenticate.ts'
import { trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { nodeRequests } from '../_node-requests.ts'
import { routeOf, type IsRequestHandler, type RoutedRequest } from './route.ts'

/** An Express middleware, in the members that are touched. */
export type Middleware<Req> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

/** What Express's `req` is besides node's, in the members that are touched. */
export type ExpressRequest = IncomingMessage & RoutedRequest

/**
 * The middleware that tracks, for Express by itself and for what is built on it.
 *
 * @param answers which handlers answer a request, where routes have others, too
 */
export function middleware<Req extends ExpressRequest>(
  core: RequestCore,
  options: AuthOptions<Req>,
  answers?: IsRequestHandler,
): Middleware<Req> {
  subscribeToRouterErrors()
  return (req, res, next) => {
    const exchange = trackNodeRequest(core, req, res, {
      path: routeOf(req, answers) ?? req.originalUrl,
      source: req,
    })
    nodeRequests.set(req, exchange)
    const reject = (): void =>
      void res.writeHead(401, { 'content-type': 'text/plain; charset=utf-8' }).end('Unauthorized\n')
    authenticateThen(exchange.request, req, options, { serve: next, reject, onError: next })
  }
}

let hearing = false

/** Once in a process: Express tells of the errors of all its applications in one place. */
function subscribeToRouterErrors(): void {
  if (hearing) return
  hearing = true
  subscribe('tracing:express.router.request:error', (message) => {
    // Its documented shape; what else may be published there is not ours.
    const { req, error } = message as { readonly req?: object; readonly error?: unknown }
    if (req !== undefined) nodeRequests.get(req)?.handlerFailed(error)
  })
}
