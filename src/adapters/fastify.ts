import type { EventEmitter } from 'node:events'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { admit, type AuthOptions } from '../tracking/authenticate.ts'
import { currentRequest, hangOn, runWith } from '../tracking/context.ts'
import { beginExchange, type NodeExchange } from '../tracking/node-exchange.ts'
import { trackerOf, type TrackerSource } from '../tracking/track-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { Tracker } from '../tracking/tracker.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The tracked request, where the plugin of `throughline/fastify` is registered. */
    readonly tracked: TrackedRequest | undefined
  }
}

/** A tracker's options, or `{ tracker }`, and how callers are found out: `authenticate` is given Fastify's own request. */
export type FastifyOptions = TrackerSource & AuthOptions<FastifyRequest>

/**
 * A plugin that tracks every request of the instance that it is registered on, from its head to the end of its answer.
 *
 * Register it first. `path` is the pattern of the route, else the path that was asked. The raw response tells the end,
 * also of replies that were hijacked, which no hook hears of. An error ends the request with outcome `error`, or with
 * the status from 300 to 499 that it is answered with.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at `ready`, for options that cannot be used
 * @example await app.register(trackRequest, { service: 'gateway' })
 */
export const trackRequest: FastifyPluginAsync<FastifyOptions> = (app, options) =>
  // What a plugin throws outright Fastify does not hear.
  new Promise((registered) => {
    install(app, trackerOf(options), options)
    registered()
  })

function install(app: FastifyInstance, tracker: Tracker, options: FastifyOptions): void {
  const exchanges = new WeakMap<object, NodeExchange>()
  app.decorateRequest('tracked', {
    getter(this: FastifyRequest) {
      return currentRequest(this.raw)
    },
  })
  app.addHook('onRequest', (req, reply, next) => {
    const exchange = beginExchange(tracker, req.raw, reply.raw, { path: req.routeOptions.url ?? req.originalUrl, source: req })
    exchanges.set(req.raw, exchange)
    hangOn(req, exchange.request)
    // Whatever was thrown goes the way of errors, as if Fastify had caught it itself.
    const fail = (error: unknown): void => next(error as Error)
    admit(exchange.request, req, options, { serve: next, refuse: () => refuse(reply), fail })
  })
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
}

function refuse(reply: FastifyReply): void {
  void reply.code(401).type('text/plain; charset=utf-8').send('Unauthorized\n')
}

// What fastify-plugin sets: hooks and decorator are the whole instance's, and not only this plugin's own.
Object.assign(trackRequest, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'throughline',
  [Symbol.for('plugin-meta')]: { name: 'throughline', fastify: '5.x' },
})
