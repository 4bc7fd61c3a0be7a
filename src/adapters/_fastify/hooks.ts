import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import { authenticateThen, enterHandler } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { currentRequest, attachRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import { trackingOf, trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'

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
    const tracking = trackNodeRequest(core, options, req.raw, reply.raw, { path, source: req })
    if (tracking !== undefined) attachRequest(req, tracking.request)
    // Passed to Fastify as if it had caught the error itself; anything may have been thrown.
    const onError = (error: unknown): void => next(error as Error)
    const continuation = { serve: next, reject: () => reject(reply), onError }
    authenticateThen(core, tracking?.request, req, options, continuation, { hasPhase: true })
  }
  // The plugin may be registered twice: for the application, and for a part of it.
  if (!app.hasRequestDecorator('tracked'))
    app.decorateRequest('tracked', {
      getter(this: FastifyRequest) {
        return currentRequest(this.raw)
      },
    })
  app.addHook('onRequest', onRequest)
  // A body is parsed in the context of its connection: without this, later hooks would have no current request.
  app.addHook('preValidation', (req, _reply, next) => runWith(trackingOf(req.raw)?.request, next))
  if (knowsHandlers) {
    const enter = (raw: object | undefined): void => {
      const request = raw === undefined ? undefined : trackingOf(raw)?.request
      if (request !== undefined) enterHandler(request)
    }
    app.addHook('onRoute', (route) => wrapHandler(route, enter))
    app.addHook('preHandler', (req, _reply, next) => {
      if (!isWrapped(req.routeOptions.config)) enter(req.raw)
      next()
    })
  }
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

/** Routes that were added before the plugin was loaded are not wrapped: there the handler starts at `preHandler`. */
function wrapHandler(route: RouteOptions, enter: (raw: object | undefined) => void): void {
  // The handler of a WebSocket gets other arguments.
  if ('websocket' in route || 'wsHandler' in route) return
  const { handler } = route
  route.config = { ...route.config, [WRAPPED]: true }
  route.handler = function (req, reply) {
    enter(req.raw)
    return handler.call(this, req, reply)
  }
}

function isWrapped(config: object): boolean {
  return WRAPPED in config
}

function reject(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}
