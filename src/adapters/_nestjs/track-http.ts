import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { trackingOf, type NodeRequestTracking } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { middleware } from '../_express/middleware.ts'
import { addHooks, type OnRequestHook } from '../_fastify/hooks.ts'
import { isObject } from '../_objects.ts'
import { isController } from './handler-metadata.ts'

/** The members of Nest's HTTP adapters that are used. */
export interface HttpAdapterLike {
  getType(): string
  getInstance(): unknown
  setOnRequestHook(hook: OnRequestHook): void
}

/** The instances of Express and Fastify that are already tracked. */
const trackedInstances = new WeakSet()

/**
 * Tracks all HTTP requests of an application. Called as soon as it is created, so that tracking runs before Nest's own
 * code.
 *
 * @param adapter null if the application serves no HTTP
 * @throws Error for a platform other than Express and Fastify
 */
export function trackHttp(adapter: HttpAdapterLike | null, core: RequestCore, options: HandlerOptions<never>): void {
  // The platform's instance, created by Nest or by the user; `getType` says of which platform.
  const instance = adapter?.getInstance() as (ExpressLike & Parameters<typeof addHooks>[0]) | undefined
  if (adapter === null || instance === undefined || trackedInstances.has(instance)) return
  trackedInstances.add(instance)
  // Only the application knows the type of request that its functions expect.
  const own = options as HandlerOptions<unknown>
  const platform = adapter.getType()
  if (platform === 'express') instance.use(middleware(core, own, { isHandler: isController, hasPhase: true }))
  else if (platform !== 'fastify')
    throw new Error(`throughline/nestjs tracks HTTP on Express and Fastify, and not on "${platform}"`)
  else {
    const onRequest = addHooks(instance, core, own, false)
    // Hooks run in the order in which they were added, Nest's first; the adapter has a place for one hook before those.
    if (!('onRequestHook' in adapter) || adapter.onRequestHook === undefined) adapter.setOnRequestHook(onRequest)
  }
}

interface ExpressLike {
  use(handler: unknown): unknown
}

/** The tracking of a request object of Express or Fastify, as a handler receives it. */
export function trackingOfHandler(req: unknown): NodeRequestTracking | undefined {
  if (!isObject(req)) return undefined
  return trackingOf(isObject(req.raw) ? req.raw : req)
}
