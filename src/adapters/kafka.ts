import type { Carrier } from '../trace/carrier.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { producerMethods } from './_kafka/producer-methods.ts'
import { wrapMethods } from './_wrap-methods.ts'
import { processBatch, type SendOptions } from './_deliveries.ts'

/** The members of kafkajs's producer that are touched. */
export interface KafkaProducerLike {
  send(...args: never[]): unknown
  sendBatch(...args: never[]): unknown
}

/** The members of a received message that are read. */
export interface KafkaMessageLike {
  readonly headers?: Carrier
}

/** What kafkajs gives to `eachMessage`, or to `eachBatch`. */
export type KafkaPayload =
  | { readonly topic: string; readonly message: KafkaMessageLike }
  | { readonly batch: { readonly topic: string; readonly messages: readonly KafkaMessageLike[] } }

/** A tracker's options, or `{ tracker }`, and what your messages tell. */
export type KafkaOptions = TrackerSource & {
  /** Which delivery of the message this is: 1, 2 … Kafka keeps no count, so by default 1, unless your headers have one. */
  readonly attempt?: (message: KafkaMessageLike) => number | undefined
}

/**
 * Wraps `eachMessage` or `eachBatch`: each message resumes the request that it carries, or starts one.
 *
 * kafkajs delivers what was not committed again for as long as it takes. So an attempt that throws is noted as one with
 * a retry to come, however often; a request that its message started ends with it, and the retry starts the next. The
 * requests of a batch end with it, all alike, and `currentRequest(message)` finds each.
 *
 * @example await consumer.run({ eachMessage: trackRequest(async ({ message }) => …, { service: 'worker' }) })
 */
export function trackRequest<P extends KafkaPayload, R>(
  handler: (payload: P) => R,
  options: KafkaOptions,
): (payload: P) => Promise<Awaited<R>> {
  const core = coreOf(options)
  const { errors } = core.settings
  return (payload) => {
    const { topic, messages } =
      'batch' in payload ? payload.batch : { topic: payload.topic, messages: [payload.message] }
    const deliveries = messages.map((message) => ({
      host: message,
      carrier: message.headers,
      attempt: errors.run(() => options.attempt?.(message)) ?? 1,
      willRetry: true,
      path: topic,
    }))
    return processBatch(core, deliveries, () => handler(payload))
  }
}

/**
 * The same producer, whose messages carry the request in hand as their parent: a topic may feed many consumer groups.
 *
 * With `as: 'hand-off'`, for topics that only one group reads, a message that is sent alone hands the request over,
 * which is Queued once the broker has answered. In a transaction, and with `acks: 0`, nobody learns what the broker
 * keeps: there a message is always a child. Headers that the caller has set stay, and so do the caller's objects.
 *
 * @example const producer = propagate(kafka.producer(), { as: (topic) => (topic === 'orders' ? 'hand-off' : 'child') })
 */
export function propagate<T extends KafkaProducerLike>(producer: T, options: SendOptions = {}): T {
  return wrapMethods(producer, producerMethods(options))
}
