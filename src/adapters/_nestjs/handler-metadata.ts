import type { ExecutionContext } from '@nestjs/common'
import { Reflector } from '@nestjs/core'

/** Reads the metadata that Nest's decorators set on handlers. */
const reflector = new Reflector()

/** True for a controller's handler: on Express, Nest also adds routes for middleware and for the answer 404. */
export function isController(handle: unknown): boolean {
  return typeof handle === 'function' && reflector.get<unknown>('path', handle) !== undefined
}

/** Nest's `PatternHandler.EVENT`. */
const EVENT = 2

/** What a message handler handles: events or messages, and of which pattern. */
export function targetOf(context: ExecutionContext): { readonly method: 'event' | 'message'; readonly path: string } {
  const handler = context.getHandler()
  const patterns = reflector.get<readonly unknown[] | undefined>('microservices:pattern', handler) ?? []
  return {
    method: reflector.get<unknown>('microservices:handler_type', handler) === EVENT ? 'event' : 'message',
    path: patterns.map(patternText).join(', '),
  }
}

function patternText(pattern: unknown): string {
  return typeof pattern === 'string' || pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern)
}
