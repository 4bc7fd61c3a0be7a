import type { IncomingMessage, ServerResponse } from 'node:http'
import { authenticate, continueAuthenticated, type EntryOptions } from '../handlers/entry.ts'
import { attachRequest, currentRequest } from '../tracking/current-request.ts'
import { trackNodeRequest } from '../handlers/node-request.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { isObject } from './_objects.ts'

/** The members of Koa's context that are used. */
export interface KoaContextLike {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly path: string
  readonly originalUrl: string
  readonly app: { readonly middleware: readonly unknown[] }
  readonly state: unknown
  status: number
  body: unknown
}

/** A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Koa's context. */
export type KoaOptions<Context extends object = KoaContextLike> = TrackerSource & EntryOptions<Context>

/**
 * A middleware that tracks every request that reaches it, until the response is sent, which Koa does after all
 * middleware.
 *
 * Use it first. With @koa/router, `path` is the pattern of the route, or else the requested path. An error that later
 * middleware does not catch ends the request with outcome `error`, or with the status that the error carries.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example app.use(trackRequest({ service: 'gateway' }))
 */
export function trackRequest<Context extends KoaContextLike = KoaContextLike>(
  options: KoaOptions<Context>,
): (ctx: Context, next: () => Promise<unknown>) => Promise<void> {
  const core = coreOf(options)
  return async (ctx, next) => {
    const { request, handlerFailed } = trackNodeRequest(core, ctx.req, ctx.res, {
      path: routeOf(ctx) ?? ctx.originalUrl,
      source: ctx,
    })
    attachRequest(ctx, request)
    if (!(await authenticate(request, ctx, options))) {
      ctx.status = 401
      ctx.body = 'Unauthorized\n'
      return
    }
    try {
      await request.run(next)
    } catch (error) {
      handlerFailed(error)
      throw error
    }
  }
}

/**
 * A middleware that reports the caller as authenticated. Put it behind the application's own authentication, with
 * `trackRequest({ auth: 'manual' })` before: until then a request is Received, and a 401 or 403 denies it.
 *
 * @param principal returns the caller, which `currentRequest().principal` then is; by default `ctx.state.user`, as
 *   koa-passport sets it
 * @example app.use(trackRequest({ service: 'gateway', auth: 'manual' })).use(passport.session()).use(authenticated())
 */
export function authenticated<Context extends KoaContextLike = KoaContextLike>(
  principal: (ctx: Context) => unknown = ({ state }) => (isObject(state) ? state.user : undefined),
): (ctx: Context, next: () => Promise<unknown>) => Promise<unknown> {
  return (ctx, next) => continueAuthenticated(currentRequest(ctx), () => principal(ctx), next)
}

/** The members of @koa/router that are used. */
interface Router {
  match(
    path: string,
    method: string,
  ): {
    readonly route: boolean
    readonly pathAndMethod: readonly { readonly path: unknown; readonly methods: readonly string[] }[]
  }
}

/** The pattern of the route that will match, found through the `router` property of the router's middleware. */
function routeOf({ app, path, method }: KoaContextLike): string | undefined {
  for (const middleware of app.middleware) {
    const router = typeof middleware === 'function' && 'router' in middleware ? middleware.router : undefined
    if (!isRouter(router)) continue
    const { route, pathAndMethod } = router.match(path, method)
    // The last layer with a method is the route; layers without are the router's middleware.
    const layer = route ? pathAndMethod.findLast(({ methods }) => methods.length > 0) : undefined
    if (layer !== undefined) return String(layer.path)
  }
  return undefined
}

function isRouter(value: unknown): value is Router {
  return isObject(value) && typeof value.match === 'function'
}
