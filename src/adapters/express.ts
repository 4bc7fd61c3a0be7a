import type { IncomingMessage } from 'node:http'
import type { EntryOptions } from '../handlers/entry.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { middleware, type ExpressRequest, type Middleware } from './_express/middleware.ts'

export type { ExpressRequest, Middleware }

/**
 * A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Express's `req`.
 */
export type ExpressOptions<Req extends object = IncomingMessage> = TrackerSource & EntryOptions<Req>

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
  return middleware(coreOf(options), options)
}
