import { areRecords, carrying, outgoingOf, type KafkaRecord } from './records.ts'
import { changed, isRecord, sendMessages } from '../_send.ts'
import { overlay, type Replacement } from '../_wrap-methods.ts'
import type { SendOptions } from '../_deliveries.ts'

/** What a producer sends, in a transaction of its own too. */
export function producerMethods(options: SendOptions): Readonly<Record<string, Replacement>> {
  return {
    send: (send) => (record, ...rest) => carry(options, record, [record], (records) => send(records?.[0] ?? record, ...rest)),
    sendBatch: (sendBatch) => (batch, ...rest) => {
      const given = isRecord(batch) ? batch : {}
      return carry(options, batch, given.topicMessages, (records) => sendBatch(records === undefined ? batch : changed(given, 'topicMessages', records), ...rest))
    },
    transaction: (transaction) => async (...args) => {
      const begun = await transaction(...args)
      return isRecord(begun) ? overlay(begun, producerMethods({ as: 'child' })) : begun
    },
  }
}

function carry(options: SendOptions, call: unknown, records: unknown, send: (records?: readonly KafkaRecord[]) => unknown): unknown {
  if (!areRecords(records)) return send()
  return sendMessages({
    messages: outgoingOf(records),
    options: isRecord(call) && call.acks === 0 ? { as: 'child' } : options,
    usual: 'child',
    send: (ours) => send(ours === undefined ? undefined : carrying(records, ours)),
    taken: () => true,
  })
}
