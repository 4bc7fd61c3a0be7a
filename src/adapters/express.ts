import type { IncomingMessage } from 'node:http'
import type { AuthOptions } from '../handlers/authenticate.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { middleware, type ExpressRequest, type Middleware } from './_express/middleware.ts'

export type { ExpressRequest, Middleware }

/** A tracker's options, or `{ tracker }`, and how callers are found out: `authenticate` is given Express's own `req`. */
export type ExpressOptions<Req extends object = IncomingMessage> = TrackerSource & AuthOptions<Req>

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
export function trackRequest<Req extends ExpressRequest = ExpressRequest>(
  options: ExpressOptions<Req>,
): Middleware<Req> {
  return middleware(coreOf(options), options)
}
