import { currentRequest } from '../../tracking/current-request.ts'
import { channelMethods } from '../_amqp/producer-methods.ts'
import { producerMethods } from '../_kafka/producer-methods.ts'
import { isRecord } from '../_send.ts'
import { missingHeaders } from '../_missing-headers.ts'
import type { NatsSendOptions } from '../_nats/outgoing-message.ts'
import { hostHeaders } from '../_nats/headers.ts'
import { connectionMethods } from '../_nats/producer-methods.ts'
import { isFunction, wrapMethods, type AnyFunction, type MethodWrapper } from '../_wrap-methods.ts'

/** Makes what a client finds under one of its own names from what is there. */
type PropertyPatch = (own: unknown) => unknown

/**
 * The ways to send of a client, which run on a view of it: there the connection that its transport sends by is one
 * that carries. Clients say nothing of their transports but by the names that they keep their connections under.
 *
 * What is to be answered is a call, which never hands over, whatever is said of events.
 */
export function clientMethods(
  client: object,
  { as, ...options }: NatsSendOptions,
): Readonly<Record<string, MethodWrapper>> {
  const calls = patchedView(client, patchesFor(client, options))
  const events = as === undefined ? calls : patchedView(client, patchesFor(client, { as, ...options }))
  // Nothing but methods is replaced.
  const on =
    (view: object, name: string): MethodWrapper =>
    () =>
    (...args) =>
      Reflect.apply(Reflect.get(client, name) as AnyFunction, view, args)
  return { send: on(calls, 'send'), emit: on(events, 'emit'), emitBatch: on(events, 'emitBatch') }
}

function patchesFor(client: object, options: NatsSendOptions): Readonly<Record<string, PropertyPatch>> {
  if ('natsClient' in client)
    return { natsClient: carrying(connectionMethods({ ...options, headers: options.headers ?? hostHeaders() })) }
  if ('channel' in client) return { channel: carrying(channelMethods(options)) }
  if ('_producer' in client) return { _producer: carrying(producerMethods(options)) }
  return { onDispatchHook: (own) => (packet: unknown) => dispatch(packet, own) }
}

/** A connection that carries. A client makes a new one when it has lost its own, and has none at first. */
function carrying(replacements: Readonly<Record<string, MethodWrapper>>): PropertyPatch {
  const made = new WeakMap<object, object>()
  return (own) => (isRecord(own) ? wrapMethods(own, replacements, made) : own)
}

/** What Nest calls with each packet from version 12 on, TCP's and Redis's among them, which have no headers. */
function dispatch(packet: unknown, own: unknown): void {
  if (isFunction(own)) own(packet)
  const request = currentRequest()
  if (request === undefined || !isRecord(packet)) return
  const metadata = isRecord(packet.metadata) ? packet.metadata : {}
  const ours = Object.fromEntries(missingHeaders(request.headers(), (name) => name in metadata))
  Reflect.set(packet, 'metadata', { ...metadata, ...ours })
}

function patchedView(client: object, lenses: Readonly<Record<string, PropertyPatch>>): object {
  return new Proxy(client, {
    get(target, key, view) {
      // A connection is the client's own affair: it compares the one that it has made with the one that it keeps.
      const own: unknown = Reflect.get(target, key, view)
      if (key === 'connect' && isFunction(own)) return (...args: unknown[]): unknown => Reflect.apply(own, target, args)
      return Object.hasOwn(lenses, key) ? lenses[String(key)]?.(own) : own
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  })
}
