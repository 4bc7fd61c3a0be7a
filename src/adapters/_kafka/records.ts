import type { Carrier } from '../../trace/carrier.ts'
import { isObject, withProperty } from '../_objects.ts'
import type { HeadersFor, OutgoingMessage } from '../_send.ts'
import { withTraceHeaders } from '../_trace-headers.ts'

/** What kafkajs sends to one topic: `send` takes one of these, `sendBatch` several. */
export interface KafkaRecord {
  readonly topic: string
  readonly messages: readonly { readonly headers?: Readonly<Record<string, unknown>> | null }[]
}

/** False for malformed records, which kafkajs reports itself. */
export function areRecords(records: unknown): records is readonly KafkaRecord[] {
  return (
    Array.isArray(records) &&
    records.every((record) => isObject(record) && Array.isArray(record.messages) && record.messages.every(isObject))
  )
}

/** All messages of the records. */
export function toOutgoing(records: readonly KafkaRecord[]): OutgoingMessage[] {
  return records.flatMap(({ topic, messages }) => messages.map(({ headers }) => outgoing(topic, headers)))
}

/** Copies of the records with trace headers on their messages. */
export function withCarrier(records: readonly KafkaRecord[], headersFor: HeadersFor): readonly KafkaRecord[] {
  return records.map((record) => {
    const messages = record.messages.map((message) => {
      const headers = headersFor(outgoing(record.topic, message.headers))
      return headers === undefined
        ? message
        : withProperty(message, 'headers', withTraceHeaders(message.headers, headers))
    })
    return withProperty(record, 'messages', messages)
  })
}

function outgoing(to: string, own: Carrier): OutgoingMessage {
  return { to, own, headerSlots: Infinity }
}
