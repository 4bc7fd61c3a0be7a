import type { IncomingMessage } from 'node:http'
import { continueAuthenticated } from '../handlers/entry.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handlers/handler-options.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { middleware, type ExpressRequest, type Middleware } from './_express/middleware.ts'

export type { ExpressRequest, Middleware }

/**
 * A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Express's `req`.
 */
export type ExpressOptions<Req extends object = IncomingMessage> = TrackerSource & HandlerOptions<Req>

/**
 * A middleware that tracks every request that reaches it, until the end of the response.
 *
 * Use it first, before body parsers: requests that are answered before it are not seen. `path` is the pattern of the
 * route that will match, including mounted routers, or else the requested path. Express answers errors as usual; they
 * are read from its `express.router.request` channel (5.3), and in earlier versions only the status shows them.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example app.use(trackRequest({ service: 'gateway' }))
 */
export function trackRequest<Req extends ExpressRequest = ExpressRequest>(
  options: ExpressOptions<Req>,
): Middleware<Req> {
  return middleware(coreOf(options, HANDLER_OPTIONS), options)
}

/**
 * A middleware that reports the caller as authenticated. Put it behind the application's own authentication, with
 * `trackRequest({ auth: 'manual' })` before: until then a request is Received, and a 401 or 403 denies it.
 *
 * @param principal returns the caller, which `currentRequest().principal` then is; by default `req.user`, as passport
 *   sets it
 * @example app.use(trackRequest({ service: 'gateway', auth: 'manual' }), passport.authenticate('session'), authenticated())
 */
export function authenticated<Req extends ExpressRequest = ExpressRequest>(
  principal: (req: Req) => unknown = (req) => Reflect.get(req, 'user'),
): Middleware<Req> {
  return (req, _res, next) =>
    continueAuthenticated(
      currentRequest(req),
      () => principal(req),
      () => next(),
    )
}
