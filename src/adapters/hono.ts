import type { Context } from 'hono'
import { continueAuthenticated } from '../handlers/entry.ts'
import { trackFetch } from '../handlers/fetch-handler.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handlers/handler-options.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'

/** A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Hono's context. */
export type HonoOptions<C extends Context = Context> = TrackerSource & HandlerOptions<C>

/**
 * A middleware that tracks every request that reaches it, until its response has ended: on Node.js as it was sent, on
 * other hosts with its body.
 *
 * Use it first. `path` is the pattern of the route. An error that a handler throws ends the request with outcome
 * `error`; if it is an HTTPException, or an error handler answers it, with a status below 500, that status decides.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example app.use(trackRequest({ service: 'gateway' }))
 */
export function trackRequest<C extends Context = Context>(
  options: HonoOptions<C>,
): (c: C, next: () => Promise<void>) => Promise<void> {
  const core = coreOf(options, HANDLER_OPTIONS)
  return async (c, next) => {
    const serve = async (): Promise<Response> => {
      await next()
      return c.res
    }
    const answer = await trackFetch(core, options, {
      incoming: c.req.raw,
      source: c,
      env: c.env,
      path: routeOf(c),
      serve,
      refuse: () => c.text('Unauthorized\n', 401),
      fault: () => (c.error === undefined ? undefined : { error: c.error }),
    })
    if (c.finalized && answer === c.res) return
    // Hono would merge the headers of the present response into the new one, which already has them.
    c.res = undefined
    c.res = answer
  }
}

/**
 * A middleware that reports the caller as authenticated. Put it behind the application's own authentication, with
 * `trackRequest({ auth: 'manual' })` before: until then a request is Received, and a 401 or 403 denies it.
 *
 * @param principal returns the caller, which `currentRequest().principal` then is; by default there is none
 * @example app.use(trackRequest({ service: 'gateway', auth: 'manual' }), jwt({ secret }), authenticated((c) => c.get('jwtPayload')))
 */
export function authenticated<C extends Context = Context>(
  principal: (c: C) => unknown = () => undefined,
): (c: C, next: () => Promise<void>) => Promise<void> {
  return (c, next) => continueAuthenticated(currentRequest(c), () => principal(c), next)
}

/** The members of Hono's context from which its route is found. */
interface RoutedContext {
  readonly req: { readonly matchedRoutes: readonly { readonly method: string; readonly path: string }[] }
}

/** The handler's route is the last that matches, unless that is for all methods, as `app.use` adds them. */
function routeOf({ req }: RoutedContext): string | undefined {
  const route = req.matchedRoutes.at(-1)
  return route === undefined || route.method === 'ALL' ? undefined : route.path
}
