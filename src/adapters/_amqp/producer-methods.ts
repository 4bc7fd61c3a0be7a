import { channelConfirms } from './confirms.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'
import { type SendAs, type SendOptions } from '../_send-options.ts'
import { sendMessage } from '../_send.ts'
import { withTraceHeaders } from '../_trace-headers.ts'
import type { MethodWrapper } from '../_wrap-methods.ts'

/** The arguments after the message: its options and, on a confirm channel, a callback. */
type Rest = readonly [options?: unknown, callback?: unknown, ...more: unknown[]]

interface Publish {
  readonly channel: object
  readonly exchange: unknown
  /** The routing key: for the default exchange, the name of a queue. */
  readonly key: unknown
  readonly rest: Rest
  readonly send: (...rest: Rest) => unknown
}

/** The methods of one channel that send. */
export function producerMethods(sendOptions: SendOptions): Readonly<Record<string, MethodWrapper>> {
  const confirm = channelConfirms()

  const publish = ({ channel, exchange, key, rest, send }: Publish): unknown => {
    const [rawOptions, callback, ...more] = rest
    const options = isObject(rawOptions) ? rawOptions : {}
    const own = options.headers ?? {}
    const to = exchange === '' ? key : exchange
    const sendUnchanged = (): unknown => send(...rest)
    // amqplib reports such arguments itself.
    if (typeof to !== 'string' || !isObject(own)) return sendUnchanged()
    return sendMessage({
      // The header of RabbitMQ's delayed message exchange.
      message: { to, own, headerSlots: Infinity, delayMs: Number(own['x-delay'] ?? 0) },
      as: sendOptions.as ?? defaultAs(exchange, to, options),
      send: (headers, onConfirm = callback) =>
        headers === undefined
          ? sendUnchanged()
          : send(withProperty(options, 'headers', withTraceHeaders(withInherited(own), headers)), onConfirm, ...more),
      confirm: confirm({ channel, mandatory: Boolean(options.mandatory), callback, sendUnchanged }),
    })
  }

  return {
    publish:
      (original, channel) =>
      (exchange, key, content, ...rest) =>
        publish({ channel, exchange, key, rest, send: (...args) => original(exchange, key, content, ...args) }),
    sendToQueue:
      (original, channel) =>
      (key, content, ...rest) =>
        publish({ channel, exchange: '', key, rest, send: (...args) => original(key, content, ...args) }),
  }
}

/**
 * A message to a queue is a hand-off: its consumers share the work. Children are messages to a named exchange or with
 * CC or BCC, which may reach many queues; and calls and answers (`replyTo`, queues that the broker has named), whose
 * recipient has a request of its own.
 */
function defaultAs(exchange: unknown, to: string, { replyTo, CC, BCC }: UnknownObject): SendAs {
  const hasMoreReaders = [replyTo, CC, BCC].some((each) => each !== undefined && each !== null)
  return exchange !== '' || hasMoreReaders || to.startsWith('amq.') ? 'child' : 'hand-off'
}

/** The headers that amqplib writes: inherited ones too. */
function withInherited(headers: UnknownObject): UnknownObject {
  const names: string[] = []
  for (const name in headers) names.push(name)
  return Object.fromEntries(names.map((name) => [name, headers[name]]))
}
