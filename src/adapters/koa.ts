import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { authenticate, continueAuthenticated, runFor } from '../handlers/entry.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handlers/handler-options.ts'
import { attachRequest, currentRequest } from '../tracking/current-request.ts'
import { trackNodeRequest } from '../handlers/node-request.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { watchErrors } from './_koa/errors.ts'
import { routeOf } from './_koa/route.ts'
import { isObject } from './_objects.ts'

/** The members of Koa's context that are used, and those that `authenticate` may need: its types may be missing. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly path: string
  readonly originalUrl: string
  readonly app: { readonly middleware: readonly unknown[] }
  readonly state: unknown
  readonly headers: IncomingHttpHeaders
  readonly query: Readonly<Record<string, string | string[] | undefined>>
  readonly ip: string
  readonly cookies: { get(name: string): string | undefined }
  /** A header; `''` if there is none. */
  get(header: string): string
  status: number
  body: unknown
}

/** A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Koa's context. */
export type KoaOptions<Context extends object = KoaContext> = TrackerSource & HandlerOptions<Context>

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
export function trackRequest<Context extends KoaContext = KoaContext>(
  options: KoaOptions<Context>,
): (ctx: Context, next: () => Promise<unknown>) => Promise<void> {
  const core = coreOf(options, HANDLER_OPTIONS)
  return async (ctx, next) => {
    const path = (): string => routeOf(ctx) ?? ctx.originalUrl
    const tracking = trackNodeRequest(core, options, ctx.req, ctx.res, { path, source: ctx })
    const request = tracking?.request
    if (request !== undefined) attachRequest(ctx, request)
    if (tracking !== undefined) core.settings.errors.run(() => watchErrors(ctx, tracking))
    if (!(await authenticate(core, request, ctx, options))) {
      ctx.status = 401
      ctx.body = 'Unauthorized\n'
      return
    }
    try {
      await runFor(request, next)
    } catch (error) {
      tracking?.handlerFailed(error)
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
export function authenticated<Context extends KoaContext = KoaContext>(
  principal: (ctx: Context) => unknown = ({ state }) => (isObject(state) ? state.user : undefined),
): (ctx: Context, next: () => Promise<unknown>) => Promise<unknown> {
  return (ctx, next) => continueAuthenticated(currentRequest(ctx), () => principal(ctx), next)
}
