import type { ExecutionContext, NestInterceptor } from '@nestjs/common'
import { enterHandler } from '../../handlers/entry.ts'
import { currentRequest } from '../../tracking/current-request.ts'
import { runWith } from '../../tracking/storage.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { isObject } from '../_objects.ts'
import { tapEnd, type ObservableConstructor } from './observable.ts'
import { trackingOfHandler } from './track-http.ts'
import type { TrackRpc } from './track-rpc.ts'

/**
 * The interceptor that runs around every handler. Over HTTP it reports errors, which Nest answers before the platform
 * sees them. For GraphQL it reports only that the HTTP request has reached a resolver: its answer decides how it ended.
 * Other kinds of handlers (WebSockets) are not affected.
 *
 * @param trackRpc undefined if messages are tracked before they reach the interceptor
 */
export function createInterceptor(Observable: ObservableConstructor, trackRpc: TrackRpc | undefined): NestInterceptor {
  return {
    intercept(context, handler) {
      const next = () => handler.handle()
      const type: string = context.getType()
      if (type === 'rpc' && trackRpc !== undefined) return trackRpc(context, next)
      const query = type === 'graphql' ? requestOfQuery(context) : undefined
      if (query !== undefined) {
        // A query may have many resolvers: after the first, nothing is left to imply.
        enterHandler(query)
        return runWith(query, next)
      }
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

/** The HTTP request that asked a resolver. Most servers pass `req` along; a middleware may have lost the context. */
function requestOfQuery(context: ExecutionContext): TrackedRequest | undefined {
  // A resolver gets its parent, its arguments, the context of the query and what was asked.
  const shared = context.getArgs<unknown[]>()[2]
  return (isObject(shared) ? trackingOfHandler(shared.req)?.request : undefined) ?? currentRequest()
}
