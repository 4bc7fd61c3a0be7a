import { areRecords, withCarrier, toOutgoing, type KafkaRecord } from './records.ts'
import { isObject, withProperty } from '../_objects.ts'
import { type SendOptions } from '../_send-options.ts'
import { confirmByResult, sendMessages } from '../_send.ts'
import { wrapMethods, type MethodWrapper } from '../_wrap-methods.ts'

/** The methods of a producer that send, and those of its transactions. */
export function producerMethods(options: SendOptions): Readonly<Record<string, MethodWrapper>> {
  return {
    send:
      (send) =>
      (record, ...rest) =>
        sendRecords(options, record, [record], (records) => send(records?.[0] ?? record, ...rest)),
    sendBatch:
      (sendBatch) =>
      (batch, ...rest) => {
        const fields = isObject(batch) ? batch : {}
        return sendRecords(options, batch, fields.topicMessages, (records) =>
          sendBatch(records === undefined ? batch : withProperty(fields, 'topicMessages', records), ...rest),
        )
      },
    transaction:
      (transaction) =>
      async (...args) => {
        const started = await transaction(...args)
        return isObject(started) ? wrapMethods(started, producerMethods({ as: 'child' })) : started
      },
  }
}

/** @param send sends these records; without them, what the caller passed */
function sendRecords(
  options: SendOptions,
  call: unknown,
  records: unknown,
  send: (records?: readonly KafkaRecord[]) => unknown,
): unknown {
  if (!areRecords(records)) return send()
  // With `acks: 0` the broker does not answer.
  const unconfirmed = isObject(call) && call.acks === 0
  return sendMessages({
    messages: toOutgoing(records),
    as: unconfirmed ? 'child' : (options.as ?? 'child'),
    send: (headersFor) => send(headersFor === undefined ? undefined : withCarrier(records, headersFor)),
    confirm: confirmByResult(),
  })
}
