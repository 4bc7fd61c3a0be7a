import type { End } from '../../tracking/finish-request.ts'
import { isThenable } from '../../tracking/promises.ts'
import type { Tracker } from '../../handlers/tracker.ts'
import { carrierOf } from './headers.ts'
import { overlay, type Replacement } from '../_wrap-methods.ts'
import { take, type Taken } from '../_deliveries.ts'

/** The members of a message that are read: of a core message, and of one of JetStream, which has `ack` and `info`. */
export interface NatsMessageLike {
  readonly subject: string
  readonly headers?: Iterable<[string, string[]]> | undefined
  readonly info?: { readonly deliveryCount: number }
  ack?(): void
}

/** Messages that are being worked on, by what their handlers were given. */
const underWay = new WeakMap<object, Taken>()

/** Takes a message up. */
export function takeMessage<M extends NatsMessageLike>(tracker: Tracker, message: M, attempts: number): { readonly message: M; readonly taken: Taken } {
  const { faults } = tracker.core.settings
  const durable = typeof message.ack === 'function'
  const host = durable ? overlay(message, ANSWERS) : message
  const attempt = durable ? (faults.guard(() => message.info?.deliveryCount) ?? 1) : 1
  const taken = take(tracker, {
    host,
    carrier: carrierOf(message),
    attempt,
    // Nobody delivers a core message again. JetStream does so without end, where the consumer has no `max_deliver`.
    willRetry: durable && !(attempt >= attempts),
    path: message.subject,
  })
  underWay.set(host, taken)
  return { message: host, taken }
}

/** An answer of the handler's to the server, which ends the request once it was given. */
function ending(how: (reason: unknown) => End, again?: boolean): Replacement {
  return (answer, message) => (...args) => {
    const result = answer(...args)
    underWay.get(message)?.end(how(args[0]), again)
    return result
  }
}

const OK: End = { outcome: 'ok' }
const NAK: End = { outcome: 'error', error: { name: 'Nak', message: 'the handler asked for another delivery' } }

const ANSWERS: Readonly<Record<string, Replacement>> = {
  ack: ending(() => OK),
  // Acknowledges, and asks for the next message at once.
  next: ending(() => OK),
  nak: ending(() => NAK),
  term: ending((reason) => ({ outcome: 'error', error: { name: 'Term', message: typeof reason === 'string' ? reason : 'the handler gave the message up' } }), false),
  ackAck: (ackAck, message) => (...args) => {
    const confirmed = ackAck(...args)
    const end = (acknowledged: unknown): void => {
      if (acknowledged === true) underWay.get(message)?.end(OK)
    }
    // Not confirmed is not ended: the handler is told, and its own end decides.
    if (isThenable(confirmed)) confirmed.then(end, () => undefined)
    return confirmed
  },
}
