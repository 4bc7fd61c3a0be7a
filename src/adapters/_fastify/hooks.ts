import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { authenticateThen, type AuthOptions } from '../../handlers/authenticate.ts'
import { currentRequest, attachRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import { trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { nodeRequests } from '../_node-requests.ts'

/** An `onRequest` hook that tracks a request, and continues with it as the current request. */
export type OnRequestHook = (req: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => void

/**
 * Adds the tracking hooks to an instance, for Fastify and for frameworks built on it.
 *
 * @returns the `onRequest` hook, for frameworks that can run it earlier too: for a tracked request it does nothing
 */
export function addHooks(app: FastifyInstance, core: RequestCore, options: AuthOptions<FastifyRequest>): OnRequestHook {
  const onRequest: OnRequestHook = (req, reply, next) => {
    if (nodeRequests.has(req.raw)) {
      next()
      return
    }
    const tracking = trackNodeRequest(core, req.raw, reply.raw, {
      path: req.routeOptions.url ?? req.originalUrl,
      source: req,
    })
    nodeRequests.set(req.raw, tracking)
    attachRequest(req, tracking.request)
    // Passed to Fastify as if it had caught the error itself; anything may have been thrown.
    const onError = (error: unknown): void => next(error as Error)
    authenticateThen(tracking.request, req, options, { serve: next, reject: () => reject(reply), onError })
  }
  app.decorateRequest('tracked', {
    getter(this: FastifyRequest) {
      return currentRequest(this.raw)
    },
  })
  app.addHook('onRequest', onRequest)
  // A body is parsed in the context of its connection: without this, later hooks would have no current request.
  app.addHook('preValidation', (req, _reply, next) => runWith(nodeRequests.get(req.raw)?.request, next))
  app.addHook('onError', (req, _reply, error, next) => {
    nodeRequests.get(req.raw)?.handlerFailed(error)
    next()
  })
  // @fastify/websocket reports connections that were upgraded; their replies never end.
  app.addHook('onReady', (ready) => {
    if ('websocketServer' in app)
      (app.websocketServer as EventEmitter).on('connection', (_, raw: object) => nodeRequests.get(raw)?.upgraded())
    ready()
  })
  return onRequest
}

function reject(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}
