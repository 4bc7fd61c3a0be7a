import { withHeaders } from './metadata.ts'
import { isRecord } from '../_send.ts'

/**
 * What stands for a producer that has a telemetry while it sends: the same but for that, which writes our headers
 * beside its own. BullMQ takes the metadata of most jobs from there, and from nowhere else.
 *
 * @returns the producer itself where it has none
 */
export function withTelemetryOf<T extends { readonly opts?: object }>(
  producer: T,
  headers: Readonly<Record<string, string>>,
): T {
  const { opts } = producer
  if (!isRecord(opts) || !isRecord(opts.telemetry) || !isRecord(opts.telemetry.contextManager)) return producer
  const { contextManager } = opts.telemetry
  const { getMetadata } = contextManager
  if (typeof getMetadata !== 'function') return producer
  const withOurs = (context: unknown): unknown => {
    const theirs: unknown = Reflect.apply(getMetadata, contextManager, [context])
    // Theirs alone where it leaves no place: it has to be read by their worker.
    return withHeaders(theirs ?? '', headers) ?? theirs
  }
  const telemetry = withMember(opts.telemetry, 'contextManager', withMember(contextManager, 'getMetadata', withOurs))
  const members: Readonly<Record<string | symbol, unknown>> = { opts: { ...opts, telemetry }, telemetry }
  // Its methods are called on this, and find the telemetry here: a Queue's under its opts, a FlowProducer's beside them.
  return new Proxy(producer, {
    get: (target, key) => (Object.hasOwn(members, key) ? members[key] : (Reflect.get(target, key) as unknown)),
  })
}

/** An object with one member replaced; its methods are called on the object itself. */
function withMember(object: object, member: string, value: unknown): object {
  // Not a proxy of the object itself, which may be frozen: its members could not be told otherwise then.
  return new Proxy(
    {},
    {
      get(_, key) {
        if (key === member) return value
        const own: unknown = Reflect.get(object, key)
        return typeof own === 'function' ? (...args: unknown[]): unknown => Reflect.apply(own, object, args) : own
      },
    },
  )
}
