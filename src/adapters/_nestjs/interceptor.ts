import type { NestInterceptor } from '@nestjs/common'
import { enterHandler } from '../../handlers/entry.ts'
import { runWith } from '../../tracking/storage.ts'
import { tapEnd, type ObservableConstructor } from './observable.ts'
import { trackingOfHandler } from './track-http.ts'
import type { TrackRpc } from './track-rpc.ts'

/**
 * The interceptor that runs around every handler. Over HTTP it reports errors, which Nest answers before the platform
 * sees them. Other kinds of handlers (GraphQL, WebSockets) are not affected.
 *
 * @param trackRpc undefined if messages are tracked before they reach the interceptor
 */
export function createInterceptor(Observable: ObservableConstructor, trackRpc: TrackRpc | undefined): NestInterceptor {
  return {
    intercept(context, handler) {
      const next = () => handler.handle()
      const type: string = context.getType()
      if (type === 'rpc' && trackRpc !== undefined) return trackRpc(context, next)
      const tracking = type === 'http' ? trackingOfHandler(context.switchToHttp().getRequest()) : undefined
      if (tracking === undefined) return next()
      // The guards have let it pass.
      enterHandler(tracking.request)
      return tapEnd(Observable, next, {
        // A middleware may have lost the context.
        run: (part) => runWith(tracking.request, part),
        end: ({ outcome, error }) => {
          if (outcome === 'error') tracking.handlerFailed(error)
        },
      })
    },
  }
}
