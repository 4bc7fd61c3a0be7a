import type { ExecutionContext } from '@nestjs/common'
import type { Carrier } from '../../trace/carrier.ts'
import { attemptOf, carrierOf as amqpCarrierOf, type AmqpMessageLike } from '../_amqp/headers.ts'
import type { OptionNames } from '../../tracking/options.ts'
import type { Delivery } from '../_deliveries.ts'
import { carrierOf as natsCarrierOf } from '../_nats/headers.ts'

/** What a message does not say about its retries. */
export interface MessageOptions {
  /**
   * Whether the broker delivers a message again after its handler has failed with this error. By default true for
   * Kafka's events, and for its messages after a `KafkaRetriableException`; false for all others.
   */
  readonly willRetry?: (error: unknown, context: ExecutionContext) => boolean
}

export const MESSAGE_OPTIONS: OptionNames<MessageOptions> = { willRetry: true }

/** The members of Nest's message contexts that are read; each transport's has some of them. */
interface ContextLike {
  /** NATS. */
  getHeaders?(): unknown
  /** RabbitMQ and Kafka. */
  getMessage?(): AmqpMessageLike | KafkaMessageLike
  /** TCP and Redis, from Nest 12. */
  getMetadata?(): Carrier
}

interface KafkaMessageLike {
  readonly headers?: Carrier
}

/**
 * The delivery of a message of NATS, RabbitMQ or Kafka; undefined for other transports. May throw on a custom
 * transport.
 */
export function deliveryOf(
  host: object,
  isEvent: boolean,
): Pick<Delivery, 'carrier' | 'attempt' | 'willRetry'> | undefined {
  // A custom transport may have other members under these names: the caller catches what that throws.
  const context = host as ContextLike
  // A message of core NATS is delivered once.
  if (context.getHeaders !== undefined)
    return { carrier: natsCarrierOf({ headers: context.getHeaders() }), attempt: 1, willRetry: false }
  const message = context.getMessage?.()
  if (message === undefined) return undefined
  // By default Nest acknowledges before the handler runs; a manual ack of the handler is not seen.
  if (isAmqp(message))
    return { carrier: amqpCarrierOf(message, undefined), attempt: attemptOf(message, undefined), willRetry: false }
  // Nest passes to kafkajs all errors of event handlers, and the retriable ones of message handlers.
  return { carrier: message.headers, attempt: 1, willRetry: (error) => isEvent || isRetriable(error) }
}

/** The metadata of a direct call, in which its client sends trace headers. */
export function metadataOf(host: object): Carrier {
  // As above.
  return (host as ContextLike).getMetadata?.()
}

function isAmqp(message: AmqpMessageLike | KafkaMessageLike): message is AmqpMessageLike {
  return 'properties' in message && 'fields' in message
}

function isRetriable(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === 'KafkaRetriableException'
}
