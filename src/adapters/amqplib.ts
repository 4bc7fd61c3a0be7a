import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { AmqpChannelLike } from './_amqp/channel.ts'
import { consumerMethods } from './_amqp/consumer-methods.ts'
import { RETRIES, startMessage, type Retries } from './_amqp/delivery.ts'
import type { AmqpMessageLike } from './_amqp/headers.ts'
import { producerMethods } from './_amqp/producer-methods.ts'
import { processOne } from './_deliveries.ts'
import { isObject } from './_objects.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

export type { AmqpChannelLike, AmqpMessageLike }

/** A tracker's options, or `{ tracker }`, and what messages do not say about their retries. */
export type AmqpOptions<M> = TrackerSource & Retries<M>

/**
 * Wraps the callback of `consume`: each message resumes the request that it carries, or starts one.
 *
 * On a channel wrapped by {@link propagate}, the request ends when the message is settled, also if that happens after
 * the handler has returned: `ack` completes it; `nack` and `reject` record a retry or, with `requeue` false, complete
 * it with outcome `error`. If the channel closes first, or the handler throws, the broker delivers the message again: a
 * retry, unless `attempts` are used up.
 *
 * With `noAck`, or on an unwrapped channel, whose acks are not seen, the request ends with the handler. `null`, by
 * which amqplib reports that the consumer was cancelled, is passed to the handler.
 *
 * @example
 * const onMessage = trackRequest(async (message) => { …; channel.ack(message) }, { service: 'worker' })
 * await channel.consume('orders', onMessage)
 */
export function trackRequest<M extends AmqpMessageLike | null, R>(
  handler: (message: M) => R,
  options: AmqpOptions<NonNullable<M>>,
): (message: M) => R {
  const core = coreOf(options, RETRIES)
  return (message) => {
    if (!isMessage(message)) return handler(message)
    return processOne(startMessage(core, message, options), () => handler(message))
  }
}

/**
 * Wraps a channel: its messages carry the trace of the current request in their headers, and it sees how the messages
 * that it delivers are settled.
 *
 * A message to a queue hands the request off. The request is Queued once the broker has confirmed the message; on a
 * channel without confirms, once amqplib has accepted it. A message to a named exchange, which may feed many queues,
 * has the request as its parent; so do calls and their answers (`replyTo`, and queues whose names begin with `amq.`).
 *
 * Headers that the caller has set stay, and the caller's object is not changed. `publish` and `sendToQueue` return what
 * they do without it.
 *
 * @example const channel = propagate(await connection.createConfirmChannel())
 */
export function propagate<T extends AmqpChannelLike>(channel: T, options: SendOptions = {}): T {
  checkSendOptions(options)
  return wrapMethods(channel, { ...producerMethods(options), ...consumerMethods() })
}

function isMessage<M extends AmqpMessageLike | null>(message: M): message is NonNullable<M> {
  // Untyped callers may pass anything; a message of amqplib has both.
  return isObject(message) && isObject(message.fields) && isObject(message.properties)
}
