import type { NodeRequestTracking } from '../../handlers/node-request.ts'
import { isFunction } from '../_wrap-methods.ts'

/**
 * Reports the errors that Koa answers itself: those of its middleware, and those of a stream that is the body, which
 * come after all middleware.
 */
export function watchErrors(ctx: object, tracking: NodeRequestTracking): void {
  const original: unknown = Reflect.get(ctx, 'onerror')
  if (!isFunction(original)) return
  Reflect.set(ctx, 'onerror', (error: unknown) => {
    // Koa also calls it without an error, when a response has ended, and with one that only says that the client left.
    if (error !== undefined && error !== null && !tracking.request.ended) tracking.handlerFailed(error)
    return Reflect.apply(original, ctx, [error])
  })
}
