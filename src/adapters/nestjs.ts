import type { IncomingHttpHeaders } from 'node:http'
import type { DynamicModule, FactoryProvider, ModuleMetadata, NestInterceptor } from '@nestjs/common'
import { APP_INTERCEPTOR, ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import type { AuthOptions } from '../tracking/authenticate.ts'
import { trackerOf, type TrackerSource } from '../tracking/track-request.ts'
import { trackHttp } from './_nestjs/http.ts'
import { interceptor } from './_nestjs/interceptor.ts'
import type { MessageOptions } from './_nestjs/message.ts'
import { rpcTracking } from './_nestjs/rpc.ts'
import { streamsOf } from './_nestjs/stream.ts'

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
export type NestAsyncOptions<Req extends object = NestRequest> = Pick<ModuleMetadata, 'imports'> & Pick<FactoryProvider<NestOptions<Req>>, 'inject' | 'useFactory'>

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

function track(options: NestOptions<never>, host: HttpAdapterHost, config: ApplicationConfig): NestInterceptor {
  const tracker = trackerOf(options)
  const NewStream = streamsOf(host)
  const trackRpc = rpcTracking(tracker, options, NewStream)
  // At once in an application; in a testing module, which is made first, as soon as it becomes one.
  host.init$.subscribe(() => tracker.core.settings.faults.guard(() => trackHttp(host.httpAdapter, tracker, options)))
  // From Nest 12 there is a place before all guards, which are to find the request in hand too.
  if (!('registerPreRequestHook' in config)) return interceptor(NewStream, trackRpc)
  config.registerPreRequestHook(trackRpc)
  return interceptor(NewStream, undefined)
}
