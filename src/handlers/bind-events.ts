import type { IncomingMessage } from 'node:http'
import { runWith, storedRequest, type StoredRequest } from '../tracking/storage.ts'

/**
 * Makes the listeners of an emitter run in the context of a request.
 *
 * Node emits what its parser has read, and what becomes of a connection, in the context of the connection, which has no
 * request: without this, parsers of bodies, and what they call afterwards, would find none.
 */
export function bindEvents(emitter: Pick<IncomingMessage, 'emit'>, request: StoredRequest): void {
  const { emit } = emitter
  emitter.emit = (event, ...args: unknown[]) => {
    // Most events of most requests come in the right context.
    if (storedRequest() === request) return Reflect.apply(emit, emitter, [event, ...args])
    return runWith(request, () => Reflect.apply(emit, emitter, [event, ...args]))
  }
}
