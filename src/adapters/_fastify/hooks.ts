import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { authenticateThen, enterHandler } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { currentRequest, attachRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import { trackingOf, trackNodeRequest } from '../../handlers/node-request.ts'
import { idsOf, type RequestCore, type RequestIds } from '../../tracking/intake.ts'
import { ANNOUNCED } from '../../tracking/trace-mixin.ts'

/** An `onRequest` hook that tracks a request, and continues with it as the current request. */
export type OnRequestHook = (req: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => void

/**
 * Adds the tracking hooks to an instance, for Fastify and for frameworks built on it.
 *
 * @param knowsHandlers whether Fastify's handlers are those of the application; a framework has its own inside them
 * @returns the `onRequest` hook, for frameworks that can run it earlier too: for a tracked request it does nothing
 */
export function addHooks(
  app: FastifyInstance,
  core: RequestCore,
  options: HandlerOptions<FastifyRequest>,
  knowsHandlers: boolean,
): OnRequestHook {
  const onRequest: OnRequestHook = (req, reply, next) => {
    if (!knowsHandlers && trackingOf(req.raw) !== undefined) {
      next()
      return
    }
    const path = (): string => req.routeOptions.url ?? req.originalUrl
    const tracking = trackNodeRequest(core, options, req.raw, reply.raw, {
      path,
      source: req,
      ids: announced.get(req.raw),
    })
    if (tracking !== undefined) attachRequest(req, tracking.request)
    // Passed to Fastify as if it had caught the error itself; anything may have been thrown.
    const onError = (error: unknown): void => next(error as Error)
    const continuation = { serve: next, reject: () => reject(reply), onError }
    authenticateThen(core, tracking?.request, req, options, continuation, { hasPhase: true })
  }
  // Fastify logs that a request came in before it calls a hook. Such a line gets the ids that the request will have.
  const announced = new WeakMap<object, RequestIds>()
  // The plugin may be registered twice: for the application, and for a part of it.
  if (!app.hasRequestDecorator('tracked')) {
    app.decorateRequest(ANNOUNCED, {
      getter(this: FastifyRequest) {
        const { raw } = this
        const ids = trackingOf(raw)?.request ?? announced.get(raw)
        if (ids !== undefined) return ids
        const made = core.settings.errors.run(() => idsOf(core, raw.headers, this))
        if (made !== undefined) announced.set(raw, made)
        return made
      },
    })
    app.decorateRequest('tracked', {
      getter(this: FastifyRequest) {
        return currentRequest(this.raw)
      },
    })
  }
  app.addHook('onRequest', onRequest)
  const enter: EnterHandler = (raw, handle) => {
    const request = raw === undefined ? undefined : trackingOf(raw)?.request
    if (request === undefined) return handle()
    enterHandler(request)
    return runWith(request, handle)
  }
  // A hook may end a phase in another context: in the callback of a connection that another request has opened.
  const resume = (req: FastifyRequest, _reply: FastifyReply, next: () => void): void =>
    runWith(trackingOf(req.raw)?.request, next)
  app.addHook('preValidation', resume)
  app.addHook('preHandler', (req, reply, next) => {
    if (knowsHandlers && !isWrapped(req.routeOptions.config)) enter(req.raw, next)
    else resume(req, reply, next)
  })
  if (knowsHandlers) app.addHook('onRoute', (route) => wrapHandler(route, enter))
  app.addHook('onError', (req, _reply, error, next) => {
    trackingOf(req.raw)?.handlerFailed(error)
    next()
  })
  // @fastify/websocket reports connections that were upgraded; their replies never end.
  app.addHook('onReady', (ready) => {
    if ('websocketServer' in app)
      (app.websocketServer as EventEmitter).on('connection', (_, raw: object) => trackingOf(raw)?.upgraded())
    ready()
  })
  return onRequest
}

/** Marks the configuration of routes whose handler is wrapped. */
const WRAPPED = Symbol('throughline.wrapped')

/** Records that the handler of a request starts, and runs it in its context. */
type EnterHandler = <R>(raw: object | undefined, handle: () => R) => R

/** Routes that were added before the plugin was loaded are not wrapped: there the handler starts at `preHandler`. */
function wrapHandler(route: RouteOptions, enter: EnterHandler): void {
  // The handler of a WebSocket gets other arguments.
  if ('websocket' in route || 'wsHandler' in route) return
  const { handler } = route
  route.config = { ...route.config, [WRAPPED]: true }
  route.handler = function (req, reply) {
    return enter(req.raw, () => handler.call(this, req, reply))
  }
}

function isWrapped(config: object): boolean {
  return WRAPPED in config
}

function reject(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}
