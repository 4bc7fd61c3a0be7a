import { HEADERS, type Carrier } from '../../trace/carrier.ts'
import { isObject, type UnknownObject } from '../_objects.ts'

/** The members of a message that are read. */
export interface AmqpMessageLike {
  readonly fields: {
    readonly deliveryTag: number
    readonly redelivered: boolean
    readonly exchange: string
    readonly routingKey: string
  }
  readonly properties: { readonly headers?: object | undefined }
}

/** An entry of `x-death`, which RabbitMQ adds when it dead-letters a message; a sender may have written it too. */
interface Death {
  readonly queue?: unknown
  readonly reason?: unknown
  readonly count?: unknown
}

/**
 * The reasons for which a consumer dead-letters a message. The others (age, `expired`; queue length) apply before
 * delivery.
 */
const BY_CONSUMER: ReadonlySet<unknown> = new Set(['rejected', 'delivery_limit'])

/**
 * The number of this delivery of a message, from what RabbitMQ says about earlier ones.
 *
 * A quorum queue counts failed deliveries, and since 4.3 all deliveries too; a classic queue only says that there was
 * one. For a message that returns through a dead-letter exchange, its dead-letterings are counted.
 *
 * @param queue the queue it was consumed from; if undefined, the dead-letterings of all queues count
 */
export function attemptOf({ fields, properties }: AmqpMessageLike, queue: string | undefined): number {
  const { 'x-acquired-count': acquired, 'x-delivery-count': failed } = objectOrEmpty(properties.headers)
  const earlier = Math.max(countOf(acquired), countOf(failed), fields.redelivered ? 1 : 0)
  const deaths = deathsOf(properties.headers).filter(
    (death) => BY_CONSUMER.has(death.reason) && (queue === undefined || death.queue === queue),
  )
  return deaths.reduce((sum, { count }) => sum + countOf(count), earlier + 1)
}

/**
 * The carrier of a message. A dead letter that a consumer of another queue rejected names its request only as its
 * parent: that request ended with the last attempt. A message that returns to its queue, or only waited in another,
 * continues its request.
 */
export function carrierOf({ properties: { headers } }: AmqpMessageLike, queue: string | undefined): Carrier {
  const deaths = deathsOf(headers)
  const isDeadLetter =
    deaths.some(({ reason }) => BY_CONSUMER.has(reason)) && deaths.every((death) => death.queue !== queue)
  if (queue === undefined || !isDeadLetter) return headers
  return Object.fromEntries(
    Object.entries(objectOrEmpty(headers)).filter(([name]) => name.toLowerCase() !== HEADERS.lifecycle),
  )
}

function deathsOf(headers: unknown): readonly Death[] {
  const deaths = objectOrEmpty(headers)['x-death']
  return Array.isArray(deaths) ? deaths.filter(isObject) : []
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

function objectOrEmpty(value: unknown): UnknownObject {
  return isObject(value) ? value : {}
}
