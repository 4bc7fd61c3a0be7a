import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { AuthOptions } from '../handlers/authenticate.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { install } from './_fastify/hooks.ts'

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
    install(app, coreOf(options), options)
    registered()
  })

// What fastify-plugin sets: hooks and decorator are the whole instance's, and not only this plugin's own.
Object.assign(trackRequest, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'throughline',
  [Symbol.for('plugin-meta')]: { name: 'throughline', fastify: '5.x' },
})
