import type { RequestEnd } from '../../tracking/finish-request.ts'
import { isThenable } from '../../tracking/promises.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { carrierOf } from './headers.ts'
import { wrapMethods, type MethodWrapper } from '../_wrap-methods.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'

/** The members of a message that are read: of a core message, and of one of JetStream, which has `ack` and `info`. */
export interface NatsMessageLike {
  readonly subject: string
  readonly headers?: Iterable<[string, string[]]> | undefined
  readonly info?: { readonly deliveryCount: number }
  ack?(): void
}

/** Messages that are being worked on, by what their handlers were given. */
const underWay = new WeakMap<object, ActiveDelivery>()

/** Takes a message up. */
export function takeMessage<M extends NatsMessageLike>(
  core: RequestCore,
  message: M,
  attempts: number,
): { readonly message: M; readonly taken: ActiveDelivery } {
  const { errors } = core.settings
  const durable = typeof message.ack === 'function'
  const host = durable ? wrapMethods(message, ANSWERS) : message
  const attempt = durable ? (errors.run(() => message.info?.deliveryCount) ?? 1) : 1
  const taken = startDelivery(core, {
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
function ending(how: (reason: unknown) => RequestEnd, again?: boolean): MethodWrapper {
  return (answer, message) =>
    (...args) => {
      const result = answer(...args)
      underWay.get(message)?.end(how(args[0]), again)
      return result
    }
}

const OK: RequestEnd = { outcome: 'ok' }
const NAK: RequestEnd = { outcome: 'error', error: { name: 'Nak', message: 'the handler asked for another delivery' } }

const ANSWERS: Readonly<Record<string, MethodWrapper>> = {
  ack: ending(() => OK),
  // Acknowledges, and asks for the next message at once.
  next: ending(() => OK),
  nak: ending(() => NAK),
  term: ending(
    (reason) => ({
      outcome: 'error',
      error: { name: 'Term', message: typeof reason === 'string' ? reason : 'the handler gave the message up' },
    }),
    false,
  ),
  ackAck:
    (ackAck, message) =>
    (...args) => {
      const confirmed = ackAck(...args)
      const end = (acknowledged: unknown): void => {
        if (acknowledged === true) underWay.get(message)?.end(OK)
      }
      // Not confirmed is not ended: the handler is told, and its own end decides.
      if (isThenable(confirmed)) confirmed.then(end, () => undefined)
      return confirmed
    },
}
