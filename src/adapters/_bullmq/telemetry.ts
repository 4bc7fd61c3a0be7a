import { withHeaders } from './metadata.ts'
import { isObject } from '../_objects.ts'

/** Whether a producer's telemetry writes the metadata of its jobs. */
export function hasTelemetry(producer: { readonly opts?: object }): boolean {
  return withTracedTelemetry(producer, {}) !== producer
}

/**
 * A stand-in for a producer whose telemetry also writes trace headers into the metadata of jobs. BullMQ takes the
 * metadata of most jobs from its telemetry, and ignores any other.
 *
 * @returns the producer itself if it has no telemetry
 */
export function withTracedTelemetry<T extends { readonly opts?: object }>(
  producer: T,
  headers: Readonly<Record<string, string>>,
): T {
  const { opts } = producer
  if (!isObject(opts) || !isObject(opts.telemetry) || !isObject(opts.telemetry.contextManager)) return producer
  const { contextManager } = opts.telemetry
  const { getMetadata } = contextManager
  if (typeof getMetadata !== 'function') return producer
  const getMetadataWithHeaders = (context: unknown): unknown => {
    const metadata: unknown = Reflect.apply(getMetadata, contextManager, [context])
    // If headers cannot be added, it stays unchanged, since the telemetry's own worker must be able to read it.
    return withHeaders(metadata ?? '', headers) ?? metadata
  }
  const manager = withMember(contextManager, 'getMetadata', getMetadataWithHeaders)
  const telemetry = withMember(opts.telemetry, 'contextManager', manager)
  const members: Readonly<Record<string | symbol, unknown>> = { opts: { ...opts, telemetry }, telemetry }
  // The producer's methods run on this object, and read the telemetry here: a Queue from opts, a FlowProducer beside
  // them.
  return new Proxy(producer, {
    get: (target, key) => (Object.hasOwn(members, key) ? members[key] : (Reflect.get(target, key) as unknown)),
  })
}

/** An object with one member replaced; its methods run on the original object. */
function withMember(object: object, member: string, value: unknown): object {
  // The target is not the object itself: if that is frozen, a proxy may not report another value for its members.
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
