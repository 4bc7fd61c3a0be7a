import type { AuthOptions } from '../../handlers/authenticate.ts'
import type { NodeRequestTracking } from '../../handlers/node-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { nodeRequests } from '../_node-requests.ts'
import { middleware } from '../_express/middleware.ts'
import { install, type Begin } from '../_fastify/hooks.ts'
import { isRecord } from '../_send.ts'
import { isController } from './metadata.ts'

/** The members of Nest's HTTP adapters that are touched. */
export interface HttpAdapterLike {
  getType(): string
  getInstance(): unknown
  setOnRequestHook(hook: Begin): void
}

/** Applications of Express and instances of Fastify that are tracked already. */
const tracked = new WeakSet()

/**
 * Tracks all requests of an application, before anything of Nest's own sees them: it has only just been made.
 *
 * @param adapter null where nothing is served over HTTP
 * @throws Error for a platform that is not known
 */
export function trackHttp(adapter: HttpAdapterLike | null, core: RequestCore, options: AuthOptions<never>): void {
  // The platform's own, or the user's that it was made of; which of these it is, its adapter says.
  const instance = adapter?.getInstance() as (ExpressLike & Parameters<typeof install>[0]) | undefined
  if (adapter === null || instance === undefined || tracked.has(instance)) return
  tracked.add(instance)
  // Only the application knows whose requests `authenticate` is for.
  const auth = options as AuthOptions<unknown>
  const platform = adapter.getType()
  if (platform === 'express') instance.use(middleware(core, auth, isController))
  else if (platform !== 'fastify')
    throw new Error(`throughline/nestjs tracks HTTP on Express and Fastify, and not on "${platform}"`)
  else {
    const begin = install(instance, core, auth)
    // Hooks run as they were added, and Nest's own come before any that are added now. But for one there is a place before all.
    if (!('onRequestHook' in adapter) || adapter.onRequestHook === undefined) adapter.setOnRequestHook(begin)
  }
}

interface ExpressLike {
  use(handler: unknown): unknown
}

/** The exchange of what a handler was given as its request, of either platform. */
export function exchangeOf(req: unknown): NodeRequestTracking | undefined {
  if (!isRecord(req)) return undefined
  return nodeRequests.get(isRecord(req.raw) ? req.raw : req)
}
