import type { ExecutionContext } from '@nestjs/common'
import type { Carrier } from '../../trace/carrier.ts'
import { attemptOf, carrierOf as carrierOfAmqp, type AmqpMessageLike } from '../_amqp/headers.ts'
import { carrierOf as carrierOfNats } from '../_nats/headers.ts'
import type { Delivery } from '../_deliveries.ts'

/** What no message tells. */
export interface MessageOptions {
  /**
   * Whether the broker delivers a message again whose handler failed so. By default Kafka's events are, and its
   * messages after a `KafkaRetriableException`; no others are.
   */
  readonly willRetry?: (error: unknown, context: ExecutionContext) => boolean
}

/** The members of Nest's contexts of messages that are read; each transport's has some of them. */
interface ContextLike {
  /** Of NATS. */
  getHeaders?(): unknown
  /** Of RabbitMQ and Kafka. */
  getMessage?(): AmqpMessageLike | KafkaMessageLike
  /** Of TCP and Redis, from Nest 12. */
  getMetadata?(): Carrier
}

interface KafkaMessageLike {
  readonly headers?: Carrier
}

/** What a broker's message tells of its delivery; undefined for all that comes without a broker that keeps messages. */
export function deliveryOf(
  host: object,
  isEvent: boolean,
): Pick<Delivery, 'carrier' | 'attempt' | 'willRetry'> | undefined {
  // A transport of the user's own may have anything under these names: whoever calls this is ready for that.
  const context = host as ContextLike
  // Nobody delivers a message of core NATS again.
  if (context.getHeaders !== undefined)
    return { carrier: carrierOfNats({ headers: context.getHeaders() }), attempt: 1, willRetry: false }
  const message = context.getMessage?.()
  if (message === undefined) return undefined
  // By default Nest has acknowledged it before the handler runs; by hand the handler may do so unseen.
  if (isAmqp(message))
    return { carrier: carrierOfAmqp(message, undefined), attempt: attemptOf(message, undefined), willRetry: false }
  // Nest passes the errors of events on to kafkajs, and of messages those that ask for it.
  return { carrier: message.headers, attempt: 1, willRetry: (error) => isEvent || isRetriable(error) }
}

/** What the client of a direct call has sent along. */
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
