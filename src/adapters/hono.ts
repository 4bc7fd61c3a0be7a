import type { AuthOptions } from '../handlers/authenticate.ts'
import { trackFetch } from '../handlers/fetch-handler.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'

/** The members of Hono's context that are touched. */
export interface HonoContextLike {
  readonly req: {
    readonly raw: Request
    readonly matchedRoutes: readonly { readonly method: string; readonly path: string }[]
  }
  /** What the handler threw, once `next()` is back: Hono has answered for it. */
  readonly error: Error | undefined
  get res(): Response
  set res(response: Response | undefined)
}

/** A tracker's options, or `{ tracker }`, and how callers are found out: `authenticate` is given Hono's own context. */
export type HonoOptions<Context extends object = HonoContextLike> = TrackerSource & AuthOptions<Context>

/**
 * Tracks every request that reaches this middleware, until the body of its answer has ended, was cancelled or failed.
 *
 * Put it first. `path` is the pattern of the route. What a handler throws ends the request with outcome `error`, or,
 * for an HTTPException or an error handler that answers with less than 500, with that status.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example app.use(trackRequest({ service: 'gateway' }))
 */
export function trackRequest<Context extends HonoContextLike = HonoContextLike>(
  options: HonoOptions<Context>,
): (c: Context, next: () => Promise<void>) => Promise<void> {
  const core = coreOf(options)
  return async (c, next) => {
    const serve = async (): Promise<Response> => {
      await next()
      return c.res
    }
    const fault = () => (c.error === undefined ? undefined : { error: c.error })
    const response = await trackFetch(core, options, {
      incoming: c.req.raw,
      source: c,
      path: routeOf(c),
      serve,
      fault,
    })
    // Hono would add the headers of the answer that is there to ours, which has them already.
    c.res = undefined
    c.res = response
  }
}

/** The last of the routes that match is the handler's, where it is one for a verb: `app.use` says ALL. */
function routeOf({ req }: HonoContextLike): string | undefined {
  const route = req.matchedRoutes.at(-1)
  return route === undefined || route.method === 'ALL' ? undefined : route.path
}
