import { subscribe } from 'node:diagnostics_channel'
import { trackingOf, type NodeRequestTracking } from '../../handlers/node-request.ts'
import { bindToChannel } from '../../tracking/storage.ts'
import { isFunction, type AnyFunction } from '../_wrap-methods.ts'

let subscribed = false

/** The documented shape of the router's messages. */
interface RouterMessage {
  readonly req?: object
  readonly error?: unknown
}

const CHANNEL = 'tracing:express.router.request'

/**
 * Subscribes once per process: from 5.3 Express publishes the steps of all its applications, and their errors, on one
 * channel.
 *
 * Each handler then starts in the context of its request, also where one before it has called `next` in the callback of a
 * connection that another request has opened.
 */
export function subscribeToRouter(): void {
  if (subscribed) return
  subscribed = true
  bindToChannel(`${CHANNEL}:start`, (message) => trackingIn(message as RouterMessage)?.request)
  subscribe(`${CHANNEL}:error`, (message) => {
    const routed = message as RouterMessage
    trackingIn(routed)?.handlerFailed(routed.error)
  })
}

function trackingIn({ req }: RouterMessage): NodeRequestTracking | undefined {
  return req === undefined ? undefined : trackingOf(req)
}

/** The prototypes whose errors are watched: one for each copy of Express 4. */
const watched = new WeakSet()

/**
 * Watches the errors of Express 4, which publishes none: each of its layers hands an error to the function `next` that it
 * was called with.
 *
 * @param layers the layers of a router of Express 4, if there is one
 */
export function watchErrors(layers: readonly unknown[] | undefined): void {
  const prototype: unknown = layers?.[0] === undefined ? undefined : Object.getPrototypeOf(layers[0])
  if (typeof prototype !== 'object' || prototype === null || watched.has(prototype)) return
  watched.add(prototype)
  const original: unknown = Reflect.get(prototype, 'handle_request')
  if (isFunction(original)) Reflect.set(prototype, 'handle_request', watching(original))
}

function watching(original: AnyFunction): AnyFunction {
  return function (this: unknown, req, res, next) {
    const proceed: unknown = isFunction(next)
      ? (error: unknown) => {
          // These two are no errors: they leave the route, or the router.
          if (error !== undefined && error !== null && error !== 'route' && error !== 'router')
            if (typeof req === 'object' && req !== null) trackingOf(req)?.handlerFailed(error)
          return next(error)
        }
      : next
    return Reflect.apply(original, this, [req, res, proceed])
  }
}
