import type { NestInterceptor } from '@nestjs/common'
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import { HANDLER_OPTIONS, type HandlerOptions } from '../../handlers/handler-options.ts'
import { coreOf, type TrackerSource } from '../../handlers/track-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { createInterceptor } from './interceptor.ts'
import { MESSAGE_OPTIONS, type MessageOptions } from './message-delivery.ts'
import { observableClassOf } from './observable.ts'
import { trackHttp } from './track-http.ts'
import { rpcTracking } from './track-rpc.ts'

type Options = TrackerSource & HandlerOptions<never> & MessageOptions

/** A module's options, and the core of the tracker that they name. */
export interface ResolvedOptions {
  readonly options: Options
  readonly core: RequestCore
}

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for options that cannot be used */
export function resolveOptions(options: Options): ResolvedOptions {
  return { options, core: coreOf(options, HANDLER_OPTIONS, MESSAGE_OPTIONS) }
}

/** Tracks an application, and returns the interceptor for its handlers. */
export function trackApplication(
  { options, core }: ResolvedOptions,
  host: HttpAdapterHost,
  config: ApplicationConfig,
): NestInterceptor {
  const Observable = observableClassOf(host)
  const trackRpc = rpcTracking(core, options, Observable)
  // Runs immediately in an application; a testing module exists before its application, so there it runs later.
  host.init$.subscribe(() => core.settings.errors.run(() => trackHttp(host.httpAdapter, core, options)))
  // From Nest 12 there is a hook before all guards, so that guards have a current request too.
  if (!('registerPreRequestHook' in config)) return createInterceptor(Observable, trackRpc)
  config.registerPreRequestHook(trackRpc)
  return createInterceptor(Observable, undefined)
}
