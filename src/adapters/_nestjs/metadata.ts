import type { ExecutionContext } from '@nestjs/common'
import { Reflector } from '@nestjs/core'

/** Reads what Nest's decorators have written on handlers. */
const reflector = new Reflector()

/** True for the handlers of controllers: Nest gives Express routes for middleware, and for what is not found, as well. */
export function isController(handle: unknown): boolean {
  return typeof handle === 'function' && reflector.get<unknown>('path', handle) !== undefined
}

/** `PatternHandler.EVENT` of Nest's. */
const EVENT = 2

/** What a handler of messages was asked for: how, and by which pattern. */
export function askedOf(context: ExecutionContext): { readonly method: 'event' | 'message'; readonly path: string } {
  const handler = context.getHandler()
  const patterns = reflector.get<readonly unknown[] | undefined>('microservices:pattern', handler) ?? []
  return {
    method: reflector.get<unknown>('microservices:handler_type', handler) === EVENT ? 'event' : 'message',
    path: patterns.map(textOf).join(', '),
  }
}

function textOf(pattern: unknown): string {
  return typeof pattern === 'string' || pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern)
}
