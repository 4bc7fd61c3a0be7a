import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { admit, type AuthOptions } from '../tracking/authenticate.ts'
import { beginExchange, type NodeExchange } from '../tracking/node-exchange.ts'
import { trackerOf, type TrackerSource } from '../tracking/track-request.ts'
import { routeOf, type RoutedRequest } from './_express-route.ts'

/** A tracker's options, or `{ tracker }`, and how callers are found out: `authenticate` is given Express's own `req`. */
export type ExpressOptions<Req extends object = IncomingMessage> = TrackerSource & AuthOptions<Req>

/** An Express middleware, in the members that are touched. */
export type Middleware<Req> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

/** What Express's `req` is besides node's, in the members that are touched. */
export type ExpressRequest = IncomingMessage & RoutedRequest

/** Exchanges by their `req`, for errors that Express tells of. */
const exchanges = new WeakMap<object, NodeExchange>()

/**
 * Tracks every request that reaches this middleware, from its head to the end of its answer.
 *
 * Put it first, before body parsers: what is answered before it is not seen. `path` is the pattern of the route that
 * is going to match, mounted routers included, else the path that was asked. Express answers errors as ever; that
 * there was one is told by its `express.router.request` channel (5.3), and before that by the status alone.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example app.use(trackRequest({ service: 'gateway' }))
 */
export function trackRequest<Req extends ExpressRequest = ExpressRequest>(options: ExpressOptions<Req>): Middleware<Req> {
  const tracker = trackerOf(options)
  hearErrors()
  return (req, res, next) => {
    const exchange = beginExchange(tracker, req, res, { path: routeOf(req) ?? req.originalUrl, source: req })
    exchanges.set(req, exchange)
    const refuse = (): void => void res.writeHead(401, { 'content-type': 'text/plain; charset=utf-8' }).end('Unauthorized\n')
    admit(exchange.request, req, options, { serve: next, refuse, fail: next })
  }
}

let hearing = false

/** Once in a process: Express tells of the errors of all its applications in one place. */
function hearErrors(): void {
  if (hearing) return
  hearing = true
  subscribe('tracing:express.router.request:error', (message) => {
    // Its documented shape; what else may be published there is not ours.
    const { req, error } = message as { readonly req?: object; readonly error?: unknown }
    if (req !== undefined) exchanges.get(req)?.threw(error)
  })
}
