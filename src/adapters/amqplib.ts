import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { AmqpChannelLike } from './_amqp/channel.ts'
import { consumerMethods } from './_amqp/consumer-methods.ts'
import { takeMessage, type Retries } from './_amqp/delivery.ts'
import type { AmqpMessageLike } from './_amqp/headers.ts'
import { channelMethods } from './_amqp/producer-methods.ts'
import { isRecord } from './_send.ts'
import { wrapMethods } from './_wrap-methods.ts'
import { processOne, type SendOptions } from './_deliveries.ts'

export type { AmqpChannelLike, AmqpMessageLike }

/** A tracker's options, or `{ tracker }`, and what no message tells of its retries. */
export type AmqpOptions<M> = TrackerSource & Retries<M>

/**
 * Wraps the callback of `consume`: each message resumes the request that it carries, or starts one.
 *
 * Where the channel is one of {@link propagate}, what that is told decides, whenever it is: `ack` completes the request;
 * `nack` and `reject` note a retry or, with `requeue` false, complete it with outcome `error`. A channel that closes
 * before, or a handler that throws, leaves the message to be delivered again: a retry, unless `attempts` are used up.
 *
 * With `noAck`, or on a channel of amqplib alone, whose acks nobody sees, the request ends as the handler does. `null`,
 * which says that the consumer was cancelled, is passed on.
 *
 * @example await channel.consume('orders', trackRequest(async (message) => { …; channel.ack(message) }, { service: 'worker' }))
 */
export function trackRequest<M extends AmqpMessageLike | null, R>(
  handler: (message: M) => R,
  options: AmqpOptions<NonNullable<M>>,
): (message: M) => R {
  const core = coreOf(options)
  return (message) => {
    if (!isMessage(message)) return handler(message)
    return processOne(takeMessage(core, message, options), () => handler(message))
  }
}

/**
 * The same channel, whose messages carry the request in hand in their headers, and which sees how those that it gives out
 * are answered.
 *
 * What goes to a queue hands the request over. On a confirm channel that is Queued once the broker has confirmed the
 * message, on another once amqplib has taken it. What is published to a named exchange has the request as its parent,
 * since that may feed many queues; so have calls and their answers (`replyTo`, queues whose names begin with `amq.`).
 *
 * Headers that the caller has set stay, and so does the caller's object. `publish` and `sendToQueue` give what they gave.
 *
 * @example const channel = propagate(await connection.createConfirmChannel())
 */
export function propagate<T extends AmqpChannelLike>(channel: T, options: SendOptions = {}): T {
  return wrapMethods(channel, { ...channelMethods(options), ...consumerMethods() })
}

function isMessage<M extends AmqpMessageLike | null>(message: M): message is NonNullable<M> {
  // Typed or not, what has no fields is not one of amqplib's.
  return isRecord(message) && isRecord(message.fields) && isRecord(message.properties)
}
