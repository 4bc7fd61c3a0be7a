import { HEADERS } from '../../trace/carrier.ts'
import { badOption } from '../../tracking/settings.ts'
import {
  withProperty,
  isTraceHeader,
  isRecord,
  withTraceHeaders,
  type OutgoingMessage,
  type HeadersFor,
} from '../_send.ts'
import type { Delivery } from '../_deliveries.ts'

/** What stands in an object, by name. */
export type UnknownObject = Readonly<Record<string, unknown>>

/** SQS takes no more attributes on a message, and SNS loses one that has more on its way to a queue. */
const MAX_ATTRIBUTES = 10

/** What SQS says of a delivery, to those who ask. */
export interface SystemAttributes {
  /** How often the message was delivered. */
  readonly ApproximateReceiveCount?: string | undefined
  /** The queue in which a dead letter died. */
  readonly DeadLetterQueueSourceArn?: string | undefined
}

/** What all deliveries of a queue have in common. */
export interface QueueOptions {
  /** `maxReceiveCount` of the queue's redrive policy: an attempt that fails after so many is the last. By default each comes again. */
  readonly attempts?: number | undefined
}

/** One message, as its host delivered it. */
export interface Delivered {
  readonly host: object
  readonly headers: UnknownObject | undefined
  readonly system: SystemAttributes | undefined
  readonly queue: string
}

/**
 * Reads the deliveries of a queue.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for `attempts` that cannot be
 */
export function deliveriesOf({ attempts = Infinity }: QueueOptions): (delivered: Delivered) => Delivery {
  if (!(attempts >= 1)) throw badOption('attempts', 'a number from 1, such as maxReceiveCount')
  return ({ host, headers, system, queue }) => {
    const attempt = Number(system?.ApproximateReceiveCount ?? 1)
    // The request of a dead letter ended with its last attempt: what becomes of the letter is another one's work.
    const carrier =
      system?.DeadLetterQueueSourceArn === undefined ? headers : { ...headers, [HEADERS.lifecycle]: undefined }
    return { host, carrier, attempt, willRetry: !(attempt >= attempts), path: queue }
  }
}

/** What attributes hold, in the spelling of the SDK, of Lambda or of SNS; undefined where there are none. */
export function headersIn(attributes: unknown): UnknownObject | undefined {
  if (!isRecord(attributes)) return undefined
  return Object.fromEntries(
    Object.entries(attributes).map(([name, attribute]) => [name, isRecord(attribute) ? valueOf(attribute) : undefined]),
  )
}

function valueOf({ StringValue, stringValue, Value, BinaryValue, binaryValue }: UnknownObject): unknown {
  // Only the SDK gives bytes as such.
  return (
    StringValue ??
    stringValue ??
    Value ??
    (typeof binaryValue === 'string' ? Buffer.from(binaryValue, 'base64') : BinaryValue)
  )
}

/**
 * The headers of a message that came by way of SNS, which puts the attributes into the body; else those of the message itself.
 *
 * A subscription with raw message delivery needs none of this.
 *
 * @example trackRequest(handler, { service: 'worker', carrier: fromSns })
 */
export function fromSns(message: object): UnknownObject | undefined {
  // An object has its properties by name.
  const { Body, body, MessageAttributes, messageAttributes } = message as UnknownObject
  const attributes = MessageAttributes ?? messageAttributes
  try {
    const envelope: unknown = JSON.parse(String(Body ?? body))
    return headersIn(isRecord(envelope) && envelope.Type === 'Notification' ? envelope.MessageAttributes : attributes)
  } catch {
    // No JSON, no envelope: it was sent to the queue itself.
    return headersIn(attributes)
  }
}

/** An entry of a call that sends: one message, to the queue or topic of that address. */
export function toOutgoing(to: string, entry: UnknownObject): OutgoingMessage {
  const { MessageAttributes: attributes } = entry
  const others = isRecord(attributes) ? Object.keys(attributes).filter((name) => !isTraceHeader(name)).length : 0
  return { to: to.slice(to.search(/[^/:]*$/)), own: headersIn(attributes), headerSlots: MAX_ATTRIBUTES - others }
}

/** The entry with our headers as attributes, as a copy. */
export function withCarrier<T extends UnknownObject>(to: string, entry: T, ours: HeadersFor): T {
  const headers = ours(toOutgoing(to, entry))
  if (headers === undefined) return entry
  const attributes = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
  )
  return withProperty(
    entry,
    'MessageAttributes',
    withTraceHeaders<unknown>(isRecord(entry.MessageAttributes) ? entry.MessageAttributes : {}, attributes),
  )
}
