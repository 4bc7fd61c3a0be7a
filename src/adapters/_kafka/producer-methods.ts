import { areRecords, withCarrier, toOutgoing, type KafkaRecord } from './records.ts'
import { withProperty, isRecord, sendMessages } from '../_send.ts'
import { wrapMethods, type MethodWrapper } from '../_wrap-methods.ts'
import type { SendOptions } from '../_deliveries.ts'

/** What a producer sends, in a transaction of its own too. */
export function producerMethods(options: SendOptions): Readonly<Record<string, MethodWrapper>> {
  return {
    send:
      (send) =>
      (record, ...rest) =>
        carry(options, record, [record], (records) => send(records?.[0] ?? record, ...rest)),
    sendBatch:
      (sendBatch) =>
      (batch, ...rest) => {
        const given = isRecord(batch) ? batch : {}
        return carry(options, batch, given.topicMessages, (records) =>
          sendBatch(records === undefined ? batch : withProperty(given, 'topicMessages', records), ...rest),
        )
      },
    transaction:
      (transaction) =>
      async (...args) => {
        const begun = await transaction(...args)
        return isRecord(begun) ? wrapMethods(begun, producerMethods({ as: 'child' })) : begun
      },
  }
}

function carry(
  options: SendOptions,
  call: unknown,
  records: unknown,
  send: (records?: readonly KafkaRecord[]) => unknown,
): unknown {
  if (!areRecords(records)) return send()
  return sendMessages({
    messages: toOutgoing(records),
    options: isRecord(call) && call.acks === 0 ? { as: 'child' } : options,
    defaultAs: 'child',
    send: (ours) => send(ours === undefined ? undefined : withCarrier(records, ours)),
    accepted: () => true,
  })
}
