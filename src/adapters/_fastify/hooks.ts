import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { authenticateThen, type AuthOptions } from '../../handlers/authenticate.ts'
import { currentRequest, attachRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import { trackNodeRequest } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { nodeRequests } from '../_node-requests.ts'

/** Begins to track a request, and goes on with it in hand. */
export type Begin = (req: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => void

/**
 * Adds the hooks that track to an instance, for Fastify by itself and for what is built on it.
 *
 * @returns the first of them, for hosts that know an earlier place: of a request that has begun it only goes on
 */
export function install(app: FastifyInstance, core: RequestCore, options: AuthOptions<FastifyRequest>): Begin {
  const begin: Begin = (req, reply, next) => {
    if (nodeRequests.has(req.raw)) {
      next()
      return
    }
    const exchange = trackNodeRequest(core, req.raw, reply.raw, {
      path: req.routeOptions.url ?? req.originalUrl,
      source: req,
    })
    nodeRequests.set(req.raw, exchange)
    attachRequest(req, exchange.request)
    // Whatever was thrown goes the way of errors, as if Fastify had caught it itself.
    const onError = (error: unknown): void => next(error as Error)
    authenticateThen(exchange.request, req, options, { serve: next, reject: () => refuse(reply), onError })
  }
  app.decorateRequest('tracked', {
    getter(this: FastifyRequest) {
      return currentRequest(this.raw)
    },
  })
  app.addHook('onRequest', begin)
  // A body is read in the context of its connection: what comes after it would not find the request in hand.
  app.addHook('preValidation', (req, _reply, next) => runWith(nodeRequests.get(req.raw)?.request, next))
  app.addHook('onError', (req, _reply, error, next) => {
    nodeRequests.get(req.raw)?.handlerFailed(error)
    next()
  })
  // @fastify/websocket tells of connections that are WebSockets by now; their replies never end.
  app.addHook('onReady', (ready) => {
    if ('websocketServer' in app)
      (app.websocketServer as EventEmitter).on('connection', (_, raw: object) => nodeRequests.get(raw)?.upgraded())
    ready()
  })
  return begin
}

function refuse(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}
