import type { Carrier } from '../../trace/carrier.ts'
import { changed, isRecord, withOurs, type Outgoing, type OursFor } from '../_send.ts'

/** What kafkajs sends to one topic; `record` and `batch` are both made of these. */
export interface KafkaRecord {
  readonly topic: string
  readonly messages: readonly { readonly headers?: Readonly<Record<string, unknown>> | null }[]
}

/** False for what kafkajs is going to refuse: it has the words for that. */
export function areRecords(records: unknown): records is readonly KafkaRecord[] {
  return Array.isArray(records) && records.every((record) => isRecord(record) && Array.isArray(record.messages) && record.messages.every(isRecord))
}

/** All messages of the records. */
export function outgoingOf(records: readonly KafkaRecord[]): Outgoing[] {
  return records.flatMap(({ topic, messages }) => messages.map(({ headers }) => outgoing(topic, headers)))
}

/** The records with our headers on their messages, as copies. */
export function carrying(records: readonly KafkaRecord[], ours: OursFor): readonly KafkaRecord[] {
  return records.map((record) => {
    const messages = record.messages.map((message) => {
      const headers = ours(outgoing(record.topic, message.headers))
      return headers === undefined ? message : changed(message, 'headers', withOurs(message.headers, headers))
    })
    return changed(record, 'messages', messages)
  })
}

function outgoing(to: string, own: Carrier): Outgoing {
  return { to, own, room: Infinity }
}
