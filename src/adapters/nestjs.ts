import type { IncomingHttpHeaders } from 'node:http'
import type { DynamicModule, FactoryProvider, ModuleMetadata } from '@nestjs/common'
import { APP_INTERCEPTOR, ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import type { HandlerOptions } from '../handlers/handler-options.ts'
import type { TrackerSource } from '../handlers/track-request.ts'
import { NATS_SEND_OPTIONS, type NatsSendOptions } from './_nats/outgoing-message.ts'
import { clientMethods } from './_nestjs/client-methods.ts'
import type { MessageOptions } from './_nestjs/message-delivery.ts'
import { resolveOptions, trackApplication, type ResolvedOptions } from './_nestjs/track-application.ts'
import { checkSendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

/** The members that the requests of Express and Fastify have in common, of those that `authenticate` may need. */
export interface NestRequest {
  readonly headers: IncomingHttpHeaders
  readonly method: string
  readonly url: string
  readonly originalUrl: string
  readonly hostname: string
  readonly protocol: string
  readonly ip?: string | undefined
}

/**
 * A tracker's options, or `{ tracker }`, and how callers are authenticated: `authenticate` receives the platform's own
 * request. It is not called for microservices, whose guards authenticate.
 */
export type NestOptions<Req extends object = NestRequest> = TrackerSource & HandlerOptions<Req> & MessageOptions

/** A factory of options, the providers that it receives, and the modules that export those. */
export type NestAsyncOptions<Req extends object = NestRequest> = Pick<ModuleMetadata, 'imports'> &
  Pick<FactoryProvider<NestOptions<Req>>, 'inject' | 'useFactory'>

/** The members of Nest's `ClientProxy` that are used. */
export interface NestClientLike {
  send(...args: never[]): unknown
  emit(...args: never[]): unknown
}

const OPTIONS = Symbol('throughline.options')

/**
 * Tracks every request of an application: HTTP requests on Express and Fastify, from their headers to the end of the
 * response, and the message handlers of microservices, until their Observable has ended.
 *
 * Import it once, in the root module. `path` is the pattern of the route or of the message.
 *
 * @example @Module({ imports: [TrackRequestModule.forRoot({ service: 'shop' })] })
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- Nest identifies modules by their classes
export class TrackRequestModule {
  /** @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used */
  static forRoot<Req extends NestRequest = NestRequest>(options: NestOptions<Req>): DynamicModule {
    const resolved = resolveOptions(options)
    return moduleOf({ useFactory: () => resolved })
  }

  /** The same with options from a factory, which receives the providers in `inject`. */
  static forRootAsync<Req extends NestRequest = NestRequest>(options: NestAsyncOptions<Req>): DynamicModule {
    const { useFactory, ...others } = options
    return moduleOf({ ...others, useFactory: async (...args: unknown[]) => resolveOptions(await useFactory(...args)) })
  }
}

type ResolvedModule = Pick<NestAsyncOptions<never>, 'imports' | 'inject'> &
  Pick<FactoryProvider<ResolvedOptions>, 'useFactory'>

function moduleOf({ imports = [], inject = [], useFactory }: ResolvedModule): DynamicModule {
  return {
    module: TrackRequestModule,
    global: true,
    imports,
    providers: [
      { provide: OPTIONS, inject, useFactory },
      { provide: APP_INTERCEPTOR, inject: [OPTIONS, HttpAdapterHost, ApplicationConfig], useFactory: trackApplication },
    ],
  }
}

/**
 * Wraps a client: its messages carry the trace of the current request, over RabbitMQ, NATS and Kafka in their headers;
 * over TCP, Redis and custom transports in the packet's metadata, from Nest 12.
 *
 * An event that the RabbitMQ client sends to its queue hands the request off; it is Queued once the broker has
 * confirmed the event. All other events have the request as their parent, since any number of services may receive
 * them; the option `as` changes that. A call by `send` is answered by a request of its own. Headers that a record has
 * set stay.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for a NATS client if the program has no NATS package
 * @example
 * const create = () => propagate(ClientProxyFactory.create({ transport: Transport.RMQ, options }))
 * const provider = { provide: 'ORDERS', useFactory: create }
 */
export function propagate<T extends NestClientLike>(client: T, options: NatsSendOptions = {}): T {
  checkSendOptions(options, NATS_SEND_OPTIONS)
  return wrapMethods(client, clientMethods(client, options))
}
