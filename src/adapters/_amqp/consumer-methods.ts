import { isThenable } from '../../tracking/promises.ts'
import { channelOf } from './channel.ts'
import { deliveryOrigins, type DeliveryOrigin } from './delivery.ts'
import { createUnackedDeliveries, type UnackedDeliveries, type Settlement } from './unacked-deliveries.ts'
import { isRecord } from '../_send.ts'
import { isFunction, type MethodWrapper } from '../_wrap-methods.ts'

/** What one channel gives out, and what it is told of that. */
export function consumerMethods(): Readonly<Record<string, MethodWrapper>> {
  let ledger: UnackedDeliveries | undefined
  let last = 0
  /** What waits for its answer when a channel is lost, the broker is going to deliver again. */
  const lose = (): void => ledger?.settle(Infinity, true, 'lost')
  const open = (channel: object): void => {
    if (ledger === undefined) channelOf(channel).on('close', lose)
    ledger ??= createUnackedDeliveries()
  }
  /** What makes the messages of a queue known. */
  const knowing = (channel: object, queue: unknown, options: unknown): ((message: unknown) => DeliveryOrigin) => {
    const noAck = isRecord(options) && Boolean(options.noAck)
    if (!noAck) open(channel)
    // The empty name is that of the queue that was declared last.
    const name = typeof queue === 'string' && queue !== '' ? queue : undefined
    return (message) => {
      const source = { queue: name, ledger: noAck ? undefined : ledger, answered: false }
      if (isRecord(message)) deliveryOrigins.set(message, source)
      return source
    }
  }
  /** A channel counts up what it delivers. Where that begins anew, amqp-connection-manager has another channel beneath its own. */
  const count = (message: unknown): void => {
    const tag = tagOf(message)
    if (ledger !== undefined && tag > 0 && tag <= last) {
      lose()
      ledger = createUnackedDeliveries()
    }
    if (tag > 0) last = tag
  }
  const settle = (message: unknown, allUpTo: boolean, verdict: Settlement): void => {
    const source = isRecord(message) ? deliveryOrigins.get(message) : undefined
    if (isRecord(message) && source !== undefined) deliveryOrigins.set(message, { ...source, answered: true })
    // The message may be of a channel that is no more.
    const of = source?.ledger ?? ledger
    of?.settle(tagOf(message), allUpTo, verdict)
  }
  const settleAll = (verdict: Settlement): void => ledger?.settle(Infinity, true, verdict)

  return {
    consume:
      (consume, channel) =>
      (queue, onMessage, options, ...rest) => {
        if (!isFunction(onMessage)) return consume(queue, onMessage, options, ...rest)
        const know = knowing(channel, queue, options)
        const deliver = (message: unknown): unknown => {
          count(message)
          const source = know(message)
          try {
            return onMessage(message)
          } catch (error) {
            // The connection breaks now, and the process may with it.
            source.ledger?.get(tagOf(message))?.failed(error)
            throw error
          }
        }
        return consume(queue, deliver, options, ...rest)
      },
    get:
      (get, channel) =>
      (queue, options, callback, ...rest) => {
        const know = knowing(channel, queue, options)
        const known = (message: unknown): unknown => {
          know(message)
          return message
        }
        if (isFunction(callback))
          return get(queue, options, (error: unknown, message: unknown) => callback(error, known(message)), ...rest)
        const got = get(queue, options, callback, ...rest)
        return isThenable(got) ? got.then(known) : got
      },
    ack: (ack) => (message, allUpTo) => told(ack(message, allUpTo), () => settle(message, Boolean(allUpTo), 'acked')),
    nack: (nack) => (message, allUpTo, requeue) =>
      told(nack(message, allUpTo, requeue), () => settle(message, Boolean(allUpTo), settlementOf(requeue))),
    reject: (reject) => (message, requeue) =>
      told(reject(message, requeue), () => settle(message, false, settlementOf(requeue))),
    ackAll: (ackAll) => () => told(ackAll(), () => settleAll('acked')),
    nackAll: (nackAll) => (requeue) => told(nackAll(requeue), () => settleAll(settlementOf(requeue))),
    // Has the broker deliver again all that waits.
    recover:
      (recover) =>
      (...args) =>
        told(recover(...args), () => settleAll('requeued')),
  }
}

/** What the channel has answered, which was told then. */
function told(answer: unknown, settle: () => void): unknown {
  settle()
  return answer
}

/** RabbitMQ counts from 1. */
function tagOf(message: unknown): number {
  const fields = isRecord(message) && isRecord(message.fields) ? message.fields : {}
  return typeof fields.deliveryTag === 'number' ? fields.deliveryTag : 0
}

/** As amqplib has it: what is rejected is delivered again, unless it is said that it is not to be. */
function settlementOf(requeue: unknown): Settlement {
  return requeue === undefined || Boolean(requeue) ? 'requeued' : 'dropped'
}
