import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { admit, type AuthOptions } from '../../handlers/authenticate.ts'
import { currentRequest, hangOn, runWith } from '../../tracking/current-request.ts'
import { beginExchange } from '../../handlers/node-request.ts'
import type { Tracker } from '../../handlers/tracker.ts'
import { exchanges } from '../_node-requests.ts'

/** Begins to track a request, and goes on with it in hand. */
export type Begin = (req: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => void

/**
 * Adds the hooks that track to an instance, for Fastify by itself and for what is built on it.
 *
 * @returns the first of them, for hosts that know an earlier place: of a request that has begun it only goes on
 */
export function install(app: FastifyInstance, tracker: Tracker, options: AuthOptions<FastifyRequest>): Begin {
  const begin: Begin = (req, reply, next) => {
    if (exchanges.has(req.raw)) {
      next()
      return
    }
    const exchange = beginExchange(tracker, req.raw, reply.raw, { path: req.routeOptions.url ?? req.originalUrl, source: req })
    exchanges.set(req.raw, exchange)
    hangOn(req, exchange.request)
    // Whatever was thrown goes the way of errors, as if Fastify had caught it itself.
    const fail = (error: unknown): void => next(error as Error)
    admit(exchange.request, req, options, { serve: next, refuse: () => refuse(reply), fail })
  }
  app.decorateRequest('tracked', {
    getter(this: FastifyRequest) {
      return currentRequest(this.raw)
    },
  })
  app.addHook('onRequest', begin)
  // A body is read in the context of its connection: what comes after it would not find the request in hand.
  app.addHook('preValidation', (req, _reply, next) => runWith(exchanges.get(req.raw)?.request, next))
  app.addHook('onError', (req, _reply, error, next) => {
    exchanges.get(req.raw)?.threw(error)
    next()
  })
  // @fastify/websocket tells of connections that are WebSockets by now; their replies never end.
  app.addHook('onReady', (ready) => {
    if ('websocketServer' in app) (app.websocketServer as EventEmitter).on('connection', (_, raw: object) => exchanges.get(raw)?.switched())
    ready()
  })
  return begin
}

function refuse(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}
