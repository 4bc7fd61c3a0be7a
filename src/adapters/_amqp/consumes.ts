import { isThenable } from '../../tracking/thenable.ts'
import { channelOf } from './channel.ts'
import { sources, type Source } from './delivery.ts'
import { ledgerOf, type Ledger, type Verdict } from './ledger.ts'
import { isRecord } from '../_messages.ts'
import { isMethod, type Replacement } from '../_overlay.ts'

/** What one channel gives out, and what it is told of that. */
export function consumes(): Readonly<Record<string, Replacement>> {
  let ledger: Ledger | undefined
  const sourceOf = (channel: object, queue: unknown, options: unknown): Source => {
    const noAck = isRecord(options) && Boolean(options.noAck)
    if (!noAck) ledger ??= ledgerOf(channelOf(channel))
    // The empty name is that of the queue that was declared last.
    return { queue: typeof queue === 'string' && queue !== '' ? queue : undefined, ledger: noAck ? undefined : ledger }
  }
  const settle = (message: unknown, allUpTo: boolean, verdict: Verdict): void => {
    const source = isRecord(message) ? sources.get(message) : undefined
    // One that is worked on after its answer ends with its handler.
    if (isRecord(message) && source !== undefined) sources.set(message, { ...source, ledger: undefined })
    ledger?.settle(tagOf(message), allUpTo, verdict)
  }
  const settleAll = (verdict: Verdict): void => ledger?.settle(Infinity, true, verdict)

  return {
    consume: (consume, channel) => (queue, onMessage, options, ...rest) => {
      if (!isMethod(onMessage)) return consume(queue, onMessage, options, ...rest)
      const source = sourceOf(channel, queue, options)
      const deliver = (message: unknown): unknown => {
        know(message, source)
        try {
          return onMessage(message)
        } catch (error) {
          // The connection breaks now, and the process may with it.
          source.ledger?.get(tagOf(message))?.threw(error)
          throw error
        }
      }
      return consume(queue, deliver, options, ...rest)
    },
    get: (get, channel) => (queue, options, callback, ...rest) => {
      const source = sourceOf(channel, queue, options)
      const known = (message: unknown): unknown => know(message, source)
      if (isMethod(callback)) return get(queue, options, (error: unknown, message: unknown) => callback(error, known(message)), ...rest)
      const got = get(queue, options, callback, ...rest)
      return isThenable(got) ? got.then(known) : got
    },
    ack: (ack) => (message, allUpTo) => told(ack(message, allUpTo), () => settle(message, Boolean(allUpTo), 'acked')),
    nack: (nack) => (message, allUpTo, requeue) => told(nack(message, allUpTo, requeue), () => settle(message, Boolean(allUpTo), verdictOf(requeue))),
    reject: (reject) => (message, requeue) => told(reject(message, requeue), () => settle(message, false, verdictOf(requeue))),
    ackAll: (ackAll) => () => told(ackAll(), () => settleAll('acked')),
    nackAll: (nackAll) => (requeue) => told(nackAll(requeue), () => settleAll(verdictOf(requeue))),
    // Has the broker deliver again all that waits.
    recover: (recover) => (...args) => told(recover(...args), () => settleAll('requeued')),
  }
}

function know(message: unknown, source: Source): unknown {
  if (isRecord(message)) sources.set(message, source)
  return message
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
function verdictOf(requeue: unknown): Verdict {
  return requeue === undefined || Boolean(requeue) ? 'requeued' : 'dropped'
}
