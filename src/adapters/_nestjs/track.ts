import type { NestInterceptor } from '@nestjs/common'
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core'
import type { AuthOptions } from '../../handlers/authenticate.ts'
import { coreOf, type TrackerSource } from '../../handlers/track-request.ts'
import { trackHttp } from './http.ts'
import { interceptor } from './interceptor.ts'
import type { MessageOptions } from './message.ts'
import { rpcTracking } from './rpc.ts'
import { observableClassOf } from './stream.ts'

/** Begins to track an application, or as much of it as there is yet; gives what is to run around its handlers. */
export function track(
  options: TrackerSource & AuthOptions<never> & MessageOptions,
  host: HttpAdapterHost,
  config: ApplicationConfig,
): NestInterceptor {
  const core = coreOf(options)
  const NewStream = observableClassOf(host)
  const trackRpc = rpcTracking(core, options, NewStream)
  // At once in an application; in a testing module, which is made first, as soon as it becomes one.
  host.init$.subscribe(() => core.settings.errors.run(() => trackHttp(host.httpAdapter, core, options)))
  // From Nest 12 there is a place before all guards, which are to find the request in hand too.
  if (!('registerPreRequestHook' in config)) return interceptor(NewStream, trackRpc)
  config.registerPreRequestHook(trackRpc)
  return interceptor(NewStream, undefined)
}
