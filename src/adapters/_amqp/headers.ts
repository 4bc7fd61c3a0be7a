import { HEADERS, type Carrier } from '../../trace/carrier.ts'
import { isRecord } from '../_send.ts'

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

/** What RabbitMQ wrote when it took a message out of a queue; all of it may be a stranger's as well. */
interface Death {
  readonly queue?: unknown
  readonly reason?: unknown
  readonly count?: unknown
}

/** The deaths of messages that a consumer had. The others, of age (`expired`) or for want of room, come before any. */
const BY_A_CONSUMER: ReadonlySet<unknown> = new Set(['rejected', 'delivery_limit'])

/**
 * Which delivery of a message this is, by all that RabbitMQ tells of those before it.
 *
 * A quorum queue counts those that failed, and since 4.3 beside them all that there were; a classic one says no more than
 * that there was one. A message that comes back by way of a dead letter exchange has its deaths counted.
 *
 * @param queue where it was consumed; undefined where that is not known, and every queue counts
 */
export function attemptOf({ fields, properties }: AmqpMessageLike, queue: string | undefined): number {
  const { 'x-acquired-count': acquired, 'x-delivery-count': failed } = recordOf(properties.headers)
  const given = Math.max(countOf(acquired), countOf(failed), fields.redelivered ? 1 : 0)
  const deaths = deathsOf(properties.headers).filter(
    (death) => BY_A_CONSUMER.has(death.reason) && (queue === undefined || death.queue === queue),
  )
  return deaths.reduce((sum, { count }) => sum + countOf(count), given + 1)
}

/**
 * What a message carries. A dead letter that a consumer of another queue gave up names its request as its parent only:
 * that has ended with the last attempt. One that comes back to its queue, or was only kept waiting in another, goes on
 * with it.
 */
export function carrierOf({ properties: { headers } }: AmqpMessageLike, queue: string | undefined): Carrier {
  const deaths = deathsOf(headers)
  const isDead =
    deaths.some(({ reason }) => BY_A_CONSUMER.has(reason)) && deaths.every((death) => death.queue !== queue)
  if (queue === undefined || !isDead) return headers
  return Object.fromEntries(
    Object.entries(recordOf(headers)).filter(([name]) => name.toLowerCase() !== HEADERS.lifecycle),
  )
}

function deathsOf(headers: unknown): readonly Death[] {
  const deaths = recordOf(headers)['x-death']
  return Array.isArray(deaths) ? deaths.filter(isRecord) : []
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}
