import type { FastifyPluginAsync, FastifyRequest, RegisterOptions } from 'fastify'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handlers/handler-options.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { addHooks } from './_fastify/hooks.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The tracked request, if the plugin of `throughline/fastify` is registered. */
    readonly tracked: TrackedRequest | undefined
  }
}

/**
 * A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives Fastify's request.
 */
export type FastifyOptions = TrackerSource & HandlerOptions<FastifyRequest>

/** Fastify passes its own options on to the plugin. */
const REGISTER_OPTIONS: OptionNames<RegisterOptions & { readonly name: string }> = {
  prefix: true,
  logLevel: true,
  logSerializers: true,
  name: true,
}

/**
 * A plugin that tracks every request of the instance on which it is registered, until the end of the response.
 *
 * Register it first. `path` is the pattern of the route, or else the requested path. The end is read from the raw
 * response, also for hijacked replies, for which no hook runs. An error ends the request with outcome `error`, unless
 * it is answered with a status from 300 to 499, which then decides.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at `ready`, for options that cannot be used
 * @example await app.register(trackRequest, { service: 'gateway' })
 */
export const trackRequest: FastifyPluginAsync<FastifyOptions> = (app, options) =>
  // Fastify does not handle an error that a plugin throws synchronously.
  new Promise((registered) => {
    addHooks(app, coreOf(options, HANDLER_OPTIONS, REGISTER_OPTIONS), options, true)
    registered()
  })

// As fastify-plugin sets them: hooks and decorator apply to the whole instance, not only within this plugin.
Object.assign(trackRequest, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'throughline',
  [Symbol.for('plugin-meta')]: { name: 'throughline', fastify: '5.x' },
})
