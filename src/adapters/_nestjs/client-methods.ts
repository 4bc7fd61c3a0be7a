import { currentRequest } from '../../tracking/current-request.ts'
import { producerMethods as amqpMethods } from '../_amqp/producer-methods.ts'
import { callHeaders } from '../_calls.ts'
import { producerMethods as kafkaMethods } from '../_kafka/producer-methods.ts'
import { hostHeaders } from '../_nats/headers.ts'
import type { NatsSendOptions } from '../_nats/outgoing-message.ts'
import { connectionMethods } from '../_nats/producer-methods.ts'
import { isObject } from '../_objects.ts'
import { isFunction, wrapMethods, type AnyFunction, type MethodWrapper } from '../_wrap-methods.ts'

/** Replaces the value of a client's own property. */
type PropertyPatch = (own: unknown) => unknown

/**
 * The methods of a client that send. They run on a view of the client in which its transport's connection is wrapped.
 * The name of the property that holds the connection is all that tells the transports apart.
 *
 * `send` is a call, which never hands the request off; the option `as` applies to events only.
 */
export function clientMethods(
  client: object,
  { as, ...options }: NatsSendOptions,
): Readonly<Record<string, MethodWrapper>> {
  const callView = patchedView(client, patchesFor(client, options))
  const eventView = as === undefined ? callView : patchedView(client, patchesFor(client, { as, ...options }))
  // Only methods are wrapped.
  const runOn =
    (view: object, name: string): MethodWrapper =>
    () =>
    (...args) =>
      Reflect.apply(Reflect.get(client, name) as AnyFunction, view, args)
  return {
    send: runOn(callView, 'send'),
    emit: runOn(eventView, 'emit'),
    emitBatch: runOn(eventView, 'emitBatch'),
  }
}

function patchesFor(client: object, options: NatsSendOptions): Readonly<Record<string, PropertyPatch>> {
  if ('natsClient' in client)
    return { natsClient: wrapConnection(connectionMethods({ ...options, headers: options.headers ?? hostHeaders() })) }
  if ('channel' in client) return { channel: wrapConnection(amqpMethods(options)) }
  if ('_producer' in client) return { _producer: wrapConnection(kafkaMethods(options)) }
  return { onDispatchHook: (own) => (packet: unknown) => addMetadata(packet, own) }
}

/** Wraps the connection: a client has none at first, and opens a new one after it has lost it. */
function wrapConnection(wrappers: Readonly<Record<string, MethodWrapper>>): PropertyPatch {
  const known = new WeakMap<object, object>()
  return (own) => (isObject(own) ? wrapMethods(own, wrappers, known) : own)
}

/**
 * Adds trace headers to a packet's metadata. From version 12, Nest calls the hook with each packet, also over TCP and
 * Redis.
 */
function addMetadata(packet: unknown, own: unknown): void {
  if (isFunction(own)) own(packet)
  const request = currentRequest()
  if (request === undefined || !isObject(packet)) return
  const metadata = isObject(packet.metadata) ? packet.metadata : {}
  const { headers, dropped } = callHeaders(request, (name) => (name in metadata ? (metadata[name] ?? '') : undefined))
  const kept = Object.entries(metadata).filter(([name]) => !dropped.includes(name))
  Reflect.set(packet, 'metadata', Object.fromEntries([...kept, ...headers]))
}

function patchedView(client: object, patches: Readonly<Record<string, PropertyPatch>>): object {
  return new Proxy(client, {
    get(target, key, view) {
      const own: unknown = Reflect.get(target, key, view)
      // `connect` needs the unwrapped connection: it compares the one that it opened with the one that it keeps.
      if (key === 'connect' && isFunction(own)) return (...args: unknown[]): unknown => Reflect.apply(own, target, args)
      return Object.hasOwn(patches, key) ? patches[String(key)]?.(own) : own
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  })
}
