import { isThenable } from '../../tracking/promises.ts'
import { channelOf } from './channel.ts'
import { deliveryOrigins, type DeliveryOrigin } from './delivery.ts'
import { createUnackedDeliveries, type UnackedDeliveries, type Settlement } from './unacked-deliveries.ts'
import { isObject } from '../_objects.ts'
import { isFunction, type MethodWrapper } from '../_wrap-methods.ts'

/** The methods of one channel that deliver messages and settle them. */
export function consumerMethods(): Readonly<Record<string, MethodWrapper>> {
  let unacked: UnackedDeliveries | undefined
  let lastTag = 0
  /** The broker will deliver again what was not settled when the channel closed. */
  const channelLost = (): void => unacked?.settle(Infinity, true, 'lost')
  const watchChannel = (channel: object): void => {
    if (unacked === undefined) channelOf(channel).on('close', channelLost)
    unacked ??= createUnackedDeliveries()
  }
  /** Returns a function that remembers where a message of this queue came from. */
  const remember = (channel: object, queue: unknown, options: unknown): ((message: unknown) => DeliveryOrigin) => {
    const noAck = isObject(options) && Boolean(options.noAck)
    if (!noAck) watchChannel(channel)
    // The empty name stands for the queue that was declared last.
    const name = typeof queue === 'string' && queue !== '' ? queue : undefined
    return (message) => {
      const origin = { queue: name, unacked: noAck ? undefined : unacked, settled: false }
      if (isObject(message)) deliveryOrigins.set(message, origin)
      return origin
    }
  }
  /**
   * Tags of a channel increase. If they restart, amqp-connection-manager has opened another channel beneath its own.
   */
  const checkTag = (message: unknown): void => {
    const tag = tagOf(message)
    if (unacked !== undefined && tag > 0 && tag <= lastTag) {
      channelLost()
      unacked = createUnackedDeliveries()
    }
    if (tag > 0) lastTag = tag
  }
  const settle = (message: unknown, allUpTo: boolean, settlement: Settlement): void => {
    const origin = isObject(message) ? deliveryOrigins.get(message) : undefined
    if (isObject(message) && origin !== undefined) deliveryOrigins.set(message, { ...origin, settled: true })
    // The message may come from a channel that has closed.
    const deliveries = origin?.unacked ?? unacked
    deliveries?.settle(tagOf(message), allUpTo, settlement)
  }
  const settleAll = (settlement: Settlement): void => unacked?.settle(Infinity, true, settlement)

  return {
    consume:
      (consume, channel) =>
      (queue, onMessage, options, ...rest) => {
        if (!isFunction(onMessage)) return consume(queue, onMessage, options, ...rest)
        const rememberOrigin = remember(channel, queue, options)
        const deliver = (message: unknown): unknown => {
          checkTag(message)
          const origin = rememberOrigin(message)
          try {
            return onMessage(message)
          } catch (error) {
            // The error closes the connection, and may end the process.
            origin.unacked?.get(tagOf(message))?.failed(error)
            throw error
          }
        }
        return consume(queue, deliver, options, ...rest)
      },
    get:
      (get, channel) =>
      (queue, options, callback, ...rest) => {
        const rememberOrigin = remember(channel, queue, options)
        const remembered = (message: unknown): unknown => {
          rememberOrigin(message)
          return message
        }
        if (isFunction(callback))
          return get(
            queue,
            options,
            (error: unknown, message: unknown) => callback(error, remembered(message)),
            ...rest,
          )
        const result = get(queue, options, callback, ...rest)
        return isThenable(result) ? result.then(remembered) : result
      },
    ack: (ack) => (message, allUpTo) => {
      const result = ack(message, allUpTo)
      settle(message, Boolean(allUpTo), 'acked')
      return result
    },
    nack: (nack) => (message, allUpTo, requeue) => {
      const result = nack(message, allUpTo, requeue)
      settle(message, Boolean(allUpTo), settlementOf(requeue))
      return result
    },
    reject: (reject) => (message, requeue) => {
      const result = reject(message, requeue)
      settle(message, false, settlementOf(requeue))
      return result
    },
    ackAll: (ackAll) => () => {
      const result = ackAll()
      settleAll('acked')
      return result
    },
    nackAll: (nackAll) => (requeue) => {
      const result = nackAll(requeue)
      settleAll(settlementOf(requeue))
      return result
    },
    // Makes the broker deliver all unsettled messages again.
    recover:
      (recover) =>
      (...args) => {
        const result = recover(...args)
        settleAll('requeued')
        return result
      },
  }
}

/** RabbitMQ counts from 1. */
function tagOf(message: unknown): number {
  const fields = isObject(message) && isObject(message.fields) ? message.fields : {}
  return typeof fields.deliveryTag === 'number' ? fields.deliveryTag : 0
}

/** amqplib's default is to requeue. */
function settlementOf(requeue: unknown): Settlement {
  return requeue === undefined || Boolean(requeue) ? 'requeued' : 'dropped'
}
