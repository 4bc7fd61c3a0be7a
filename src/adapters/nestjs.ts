import type { IncomingHttpHeaders } from 'node:http'
import type { DynamicModule, FactoryProvider, ModuleMetadata } from '@nestjs/common'
import { APP_INTERCEPTOR, ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import type { AuthOptions } from '../handlers/authenticate.ts'
import { trackerOf, type TrackerSource } from '../handlers/track-request.ts'
import { clientMethods } from './_nestjs/client.ts'
import type { MessageOptions } from './_nestjs/message.ts'
import { track } from './_nestjs/track.ts'
import type { NatsSendOptions } from './_nats/outgoing-message.ts'
import { wrapMethods } from './_wrap-methods.ts'

/** The members that Express's requests and Fastify's have in common, of those that tell who calls. */
export interface NestRequest {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  readonly originalUrl: string
}

/**
 * A tracker's options, or `{ tracker }`, and how callers are found out: `authenticate` is given the platform's own
 * request. Of microservices it is not asked, where guards do that.
 */
export type NestOptions<Req extends object = NestRequest> = TrackerSource & AuthOptions<Req> & MessageOptions

/** A factory of options, what it is given, and the modules that have that. */
export type NestAsyncOptions<Req extends object = NestRequest> = Pick<ModuleMetadata, 'imports'> &
  Pick<FactoryProvider<NestOptions<Req>>, 'inject' | 'useFactory'>

/** The members of Nest's `ClientProxy` that are touched. */
export interface NestClientLike {
  send(...args: never[]): unknown
  emit(...args: never[]): unknown
}

const OPTIONS = Symbol('throughline.options')

/**
 * Tracks all that an application serves: over HTTP from the head of a request to the end of its answer, on Express
 * as on Fastify, and the handlers of its microservices until their Observable has ended.
 *
 * Import it once, in the root module. `path` is the pattern of the route, or of the message.
 *
 * @example @Module({ imports: [TrackRequestModule.forRoot({ service: 'shop' })] })
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- Nest knows modules by their classes
export class TrackRequestModule {
  /** @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used */
  static forRoot<Req extends NestRequest = NestRequest>(options: NestOptions<Req>): DynamicModule {
    const given = { ...options, tracker: trackerOf(options) }
    return moduleOf({ useFactory: () => given })
  }

  /** With options from a factory, which is given what it asks for by `inject`. */
  static forRootAsync<Req extends NestRequest = NestRequest>(options: NestAsyncOptions<Req>): DynamicModule {
    return moduleOf(options)
  }
}

function moduleOf({ imports = [], inject = [], useFactory }: NestAsyncOptions<never>): DynamicModule {
  return {
    module: TrackRequestModule,
    global: true,
    imports,
    providers: [
      { provide: OPTIONS, inject, useFactory },
      { provide: APP_INTERCEPTOR, inject: [OPTIONS, HttpAdapterHost, ApplicationConfig], useFactory: track },
    ],
  }
}

/**
 * The same client, whose messages carry the request in hand: in their headers over RabbitMQ, NATS and Kafka, in the
 * packet's metadata over TCP, Redis and transports of your own, where Nest is 12 or later.
 *
 * An event that RabbitMQ's client sends to its queue hands the request over, which is Queued once the broker has
 * confirmed it. All other events have it as their parent, since any number of services may get them; `as` says
 * otherwise. What `send` asks for is answered by a request of its own. Headers that a record has stay.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for a client of NATS where no NATS package is found from here
 * @example { provide: 'ORDERS', useFactory: () => propagate(ClientProxyFactory.create({ transport: Transport.RMQ, options })) }
 */
export function propagate<T extends NestClientLike>(client: T, options: NatsSendOptions = {}): T {
  return wrapMethods(client, clientMethods(client, options))
}
