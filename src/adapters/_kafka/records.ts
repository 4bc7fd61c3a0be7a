import type { Carrier } from '../../trace/carrier.ts'
import { withProperty, isRecord, withTraceHeaders, type OutgoingMessage, type HeadersFor } from '../_send.ts'

/** What kafkajs sends to one topic; `record` and `batch` are both made of these. */
export interface KafkaRecord {
  readonly topic: string
  readonly messages: readonly { readonly headers?: Readonly<Record<string, unknown>> | null }[]
}

/** False for what kafkajs is going to refuse: it has the words for that. */
export function areRecords(records: unknown): records is readonly KafkaRecord[] {
  return (
    Array.isArray(records) &&
    records.every((record) => isRecord(record) && Array.isArray(record.messages) && record.messages.every(isRecord))
  )
}

/** All messages of the records. */
export function toOutgoing(records: readonly KafkaRecord[]): OutgoingMessage[] {
  return records.flatMap(({ topic, messages }) => messages.map(({ headers }) => outgoing(topic, headers)))
}

/** The records with our headers on their messages, as copies. */
export function withCarrier(records: readonly KafkaRecord[], ours: HeadersFor): readonly KafkaRecord[] {
  return records.map((record) => {
    const messages = record.messages.map((message) => {
      const headers = ours(outgoing(record.topic, message.headers))
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
