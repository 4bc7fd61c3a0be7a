import type { NestInterceptor } from '@nestjs/common'
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import type { EntryOptions } from '../../handlers/entry.ts'
import { coreOf, type TrackerSource } from '../../handlers/track-request.ts'
import { createInterceptor } from './interceptor.ts'
import type { MessageOptions } from './message-delivery.ts'
import { observableClassOf } from './observable.ts'
import { trackHttp } from './track-http.ts'
import { rpcTracking } from './track-rpc.ts'

/** Tracks an application, and returns the interceptor for its handlers. */
export function trackApplication(
  options: TrackerSource & EntryOptions<never> & MessageOptions,
  host: HttpAdapterHost,
  config: ApplicationConfig,
): NestInterceptor {
  const core = coreOf(options)
  const Observable = observableClassOf(host)
  const trackRpc = rpcTracking(core, options, Observable)
  // Runs immediately in an application; a testing module exists before its application, so there it runs later.
  host.init$.subscribe(() => core.settings.errors.run(() => trackHttp(host.httpAdapter, core, options)))
  // From Nest 12 there is a hook before all guards, so that guards have a current request too.
  if (!('registerPreRequestHook' in config)) return createInterceptor(Observable, options, trackRpc)
  config.registerPreRequestHook(trackRpc)
  return createInterceptor(Observable, options, undefined)
}
