import type { ThroughlineError } from '../errors.ts'
import { badOptions } from '../tracking/options.ts'

/** The members of any value; a function has members too. */
function has(value: unknown, ...members: readonly string[]): boolean {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject && members.every((member) => member in value)
}

const OPTIONS_MISSING =
  "options are missing: give at least { service: 'gateway' }, or { tracker }. The middleware of a framework has a " +
  'subpath of its own, such as throughline/express'

/** The error for a call without options. */
export function missingOptions(): ThroughlineError {
  return badOptions(OPTIONS_MISSING)
}

/** The error for a first argument that is no handler: most likely the subpath of a framework is meant. */
export function noHandler(value: unknown): ThroughlineError {
  const middleware = has(value, 'addHook', 'register')
    ? 'the plugin of Fastify is that of throughline/fastify'
    : 'as a middleware, a plugin or an interceptor import trackRequest from the subpath of your framework: ' +
      'throughline/express, throughline/koa, throughline/hono, throughline/fastify or throughline/grpc; ' +
      'for NestJS, TrackRequestModule from throughline/nestjs'
  return badOptions(
    "trackRequest(handler, { service: 'gateway' }) of throughline wraps a handler, which must be a function: " +
      `(req, res), (Request) or a job; ${middleware}`,
  )
}

/** The subpaths of what can be wrapped by `propagate`, by the members that tell it from the others. */
const SUBPATHS: readonly (readonly [is: (client: unknown) => boolean, subpath: string])[] = [
  [(client) => typeof client === 'function' && client.name === 'request', 'http'],
  [(client) => typeof client === 'function', 'fetch'],
  [(client) => has(client, 'addRequest') || has(client, 'request', 'globalAgent'), 'http'],
  [(client) => has(client, 'sendToQueue'), 'amqplib'],
  [(client) => has(client, 'query', 'execute') || has(client, 'getConnection', 'of'), 'mysql2'],
  [(client) => has(client, 'query'), 'pg'],
  [(client) => has(client, 'sendBatch'), 'kafka'],
  [(client) => has(client, 'send', 'work'), 'pg-boss'],
  [(client) => has(client, 'send', 'emit') && !has(client, 'on'), 'nestjs'],
  [(client) => has(client, 'send'), 'sqs'],
  [(client) => has(client, 'publish'), 'nats'],
  [(client) => has(client, 'add'), 'bullmq'],
]

/**
 * Not here: each client has its own `propagate`, in a subpath. This one throws an error that names it.
 *
 * @deprecated import `propagate` from the subpath of your client, such as `throughline/fetch`
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, always
 * @example import { propagate } from 'throughline/fetch'
 */
export function propagate(...args: readonly unknown[]): never {
  const [client] = args
  const found = SUBPATHS.find(([is]) => is(client))?.[1] ?? (args.length === 0 ? 'grpc' : undefined)
  throw badOptions(
    found === undefined
      ? 'propagate() of throughline does nothing: import it from the subpath of your client, such as throughline/fetch, ' +
          'throughline/http, throughline/grpc, throughline/pg or throughline/bullmq'
      : `propagate() of throughline does nothing: import { propagate } from 'throughline/${found}'`,
  )
}
