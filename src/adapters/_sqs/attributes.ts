import { HEADERS } from '../../trace/carrier.ts'
import type { OptionNames } from '../../tracking/options.ts'
import { badOption } from '../../tracking/settings.ts'
import type { Delivery } from '../_deliveries.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'
import type { HeadersFor, OutgoingMessage } from '../_send.ts'
import { isTraceHeader, withTraceHeaders } from '../_trace-headers.ts'

/** SQS rejects a message with more attributes; SNS drops one on its way to a queue. */
const MAX_ATTRIBUTES = 10

/** What SQS says about a delivery, if asked for it. */
export interface SystemAttributes {
  /** The number of times that the message was delivered. */
  readonly ApproximateReceiveCount?: string | undefined
  /** The queue from which a dead letter came. */
  readonly DeadLetterQueueSourceArn?: string | undefined
}

/** What all deliveries of a queue have in common. */
export interface QueueOptions {
  /**
   * `maxReceiveCount` of the queue's redrive policy: the number of deliveries after which a failure is final. By
   * default there is no limit.
   */
  readonly attempts?: number | undefined
}

export const QUEUE_OPTIONS: OptionNames<QueueOptions> = { attempts: true }

/** One message, as its host delivered it. */
export interface SqsDelivery {
  readonly host: object
  readonly headers: UnknownObject | undefined
  readonly system: SystemAttributes | undefined
  readonly queue: string
}

/**
 * Returns the function that reads a queue's deliveries.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for `attempts` below 1
 */
export function deliveriesOf({ attempts = Infinity }: QueueOptions): (delivery: SqsDelivery) => Delivery {
  if (!(attempts >= 1)) throw badOption('attempts', 'a number from 1, such as maxReceiveCount')
  return ({ host, headers, system, queue }) => {
    const attempt = Number(system?.ApproximateReceiveCount ?? 1)
    // The request of a dead letter ended with its last attempt: the dead letter starts a new one.
    const carrier =
      system?.DeadLetterQueueSourceArn === undefined ? headers : { ...headers, [HEADERS.lifecycle]: undefined }
    return { host, carrier, attempt, willRetry: !(attempt >= attempts), path: queue }
  }
}

/** The values of attributes, as the SDK, Lambda or SNS spells them; undefined if there are no attributes. */
export function headersIn(attributes: unknown): UnknownObject | undefined {
  if (!isObject(attributes)) return undefined
  return Object.fromEntries(
    Object.entries(attributes).map(([name, attribute]) => [name, isObject(attribute) ? valueOf(attribute) : undefined]),
  )
}

function valueOf({ StringValue, stringValue, Value, BinaryValue, binaryValue }: UnknownObject): unknown {
  // The SDK decodes binary values; Lambda passes them in Base64.
  return (
    StringValue ??
    stringValue ??
    Value ??
    (typeof binaryValue === 'string' ? Buffer.from(binaryValue, 'base64') : BinaryValue)
  )
}

/**
 * The headers of a message that came through SNS, which puts the attributes into the body; of any other message, those
 * in its attributes.
 *
 * A subscription with raw message delivery does not need it.
 *
 * @example trackRequest(handler, { service: 'worker', carrier: fromSns })
 */
export function fromSns(message: object): UnknownObject | undefined {
  // Every object has properties by name.
  const { Body, body, MessageAttributes, messageAttributes } = message as UnknownObject
  const attributes = MessageAttributes ?? messageAttributes
  try {
    const envelope: unknown = JSON.parse(String(Body ?? body))
    return headersIn(isObject(envelope) && envelope.Type === 'Notification' ? envelope.MessageAttributes : attributes)
  } catch {
    // Not JSON, so not an envelope: the message was sent to the queue directly.
    return headersIn(attributes)
  }
}

/**
 * One entry of a call that sends, as a message.
 *
 * @param address the URL of a queue or the ARN of a topic
 */
export function toOutgoing(address: string, entry: UnknownObject): OutgoingMessage {
  const { MessageAttributes: attributes, DelaySeconds: delay } = entry
  const others = isObject(attributes) ? Object.keys(attributes).filter((name) => !isTraceHeader(name)).length : 0
  const name = address.slice(address.search(/[^/:]*$/))
  return {
    to: name,
    own: headersIn(attributes),
    headerSlots: MAX_ATTRIBUTES - others,
    delayMs: typeof delay === 'number' ? delay * 1_000 : undefined,
  }
}

/** A copy of an entry with trace headers as attributes. */
export function withCarrier<T extends UnknownObject>(address: string, entry: T, headersFor: HeadersFor): T {
  const headers = headersFor(toOutgoing(address, entry))
  if (headers === undefined) return entry
  const attributes = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
  )
  return withProperty(
    entry,
    'MessageAttributes',
    withTraceHeaders<unknown>(isObject(entry.MessageAttributes) ? entry.MessageAttributes : {}, attributes),
  )
}
