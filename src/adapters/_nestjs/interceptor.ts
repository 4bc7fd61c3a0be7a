import type { NestInterceptor } from '@nestjs/common'
import { runWith } from '../../tracking/storage.ts'
import { exchangeOf } from './http.ts'
import type { TrackRpc } from './rpc.ts'
import { tapEnd, type ObservableConstructor } from './stream.ts'

/**
 * What runs around every handler: over HTTP it tells of errors, which Nest has turned into answers before the platform
 * could hear of them. Whatever else Nest serves (GraphQL, WebSockets) passes as it is.
 *
 * @param trackRpc undefined where messages are tracked before this already
 */
export function interceptor(NewStream: ObservableConstructor, trackRpc: TrackRpc | undefined): NestInterceptor {
  return {
    intercept(context, handler) {
      const next = () => handler.handle()
      const type: string = context.getType()
      if (type === 'rpc' && trackRpc !== undefined) return trackRpc(context, next)
      const exchange = type === 'http' ? exchangeOf(context.switchToHttp().getRequest()) : undefined
      if (exchange === undefined) return next()
      return tapEnd(NewStream, next, {
        // A middleware may have lost the request in hand.
        run: (part) => runWith(exchange.request, part),
        end: ({ outcome, error }) => {
          if (outcome === 'error') exchange.handlerFailed(error)
        },
      })
    },
  }
}
