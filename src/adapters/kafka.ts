import type { Carrier } from '../trace/carrier.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import { processBatch } from './_deliveries.ts'
import { producerMethods } from './_kafka/producer-methods.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

/** The members of kafkajs's producer that are used. */
export interface KafkaProducerLike {
  send(...args: never[]): unknown
  sendBatch(...args: never[]): unknown
}

/** The members of a received message that are read. */
export interface KafkaMessageLike {
  readonly headers?: Carrier
}

/** The argument of `eachMessage` or of `eachBatch`. */
export type KafkaPayload =
  | { readonly topic: string; readonly message: KafkaMessageLike }
  | { readonly batch: { readonly topic: string; readonly messages: readonly KafkaMessageLike[] } }

/** What your messages say about their retries. */
export interface KafkaRetries {
  /**
   * The number of this delivery of the message: 1, 2 … Kafka does not count, so by default 1, unless your headers do.
   */
  readonly attempt?: (message: KafkaMessageLike) => number | undefined
}

/** A tracker's options, or `{ tracker }`, and what your messages say about their retries. */
export type KafkaOptions = TrackerSource & KafkaRetries

const KAFKA_OPTIONS: OptionNames<KafkaRetries> = { attempt: true }

/**
 * Wraps `eachMessage` or `eachBatch`: each message resumes the request that it carries, or starts one.
 *
 * kafkajs delivers an uncommitted message again without limit. So an attempt that throws is always recorded as one with
 * a retry to come; a request that its message started ends with it, and the retry starts the next. The requests of a
 * batch end alike, with the handler; `currentRequest(message)` finds each.
 *
 * @example await consumer.run({ eachMessage: trackRequest(async ({ message }) => …, { service: 'worker' }) })
 */
export function trackRequest<P extends KafkaPayload, R>(
  handler: (payload: P) => R,
  options: KafkaOptions,
): (payload: P) => Promise<Awaited<R>> {
  const core = coreOf(options, KAFKA_OPTIONS)
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
 * Wraps a producer: its messages carry the trace, with the current request as their parent, since a topic may feed many
 * consumer groups.
 *
 * With `as: 'hand-off'`, for topics that a single group reads, a message that is sent alone hands the request off; it
 * is Queued once the broker has answered. In a transaction and with `acks: 0` the broker does not confirm each message:
 * there a message is always a child. Headers that the caller has set stay, and the caller's objects are not changed.
 *
 * @example const producer = propagate(kafka.producer(), { as: (topic) => (topic === 'orders' ? 'hand-off' : 'child') })
 */
export function propagate<T extends KafkaProducerLike>(producer: T, options: SendOptions = {}): T {
  checkSendOptions(options)
  return wrapMethods(producer, producerMethods(options))
}
