import type { RequestEnd } from '../../tracking/finish-request.ts'
import { isThenable } from '../../tracking/promises.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { carrierOf } from './headers.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'
import { wrapMethods, type MethodWrapper } from '../_wrap-methods.ts'

/**
 * The members of a message that are read: of a core message, and of a JetStream message, which has `ack` and `info`.
 */
export interface NatsMessageLike {
  readonly subject: string
  readonly headers?: Iterable<[string, string[]]> | undefined
  readonly info?: { readonly deliveryCount: number }
  ack?(): void
}

/** The deliveries that are being processed, by the message that the handler received. */
const active = new WeakMap<object, ActiveDelivery>()

/** Starts the delivery of a message, and wraps a JetStream message so that it sees how the handler settles it. */
export function startMessage<M extends NatsMessageLike>(
  core: RequestCore,
  message: M,
  attempts: number,
): { readonly message: M; readonly delivery: ActiveDelivery } {
  const { errors } = core.settings
  const durable = typeof message.ack === 'function'
  const host = durable ? wrapMethods(message, SETTLEMENTS) : message
  const attempt = durable ? (errors.run(() => message.info?.deliveryCount) ?? 1) : 1
  const delivery = startDelivery(core, {
    host,
    carrier: carrierOf(message),
    attempt,
    // A core message is delivered once; JetStream has no limit unless the consumer has a `max_deliver`.
    willRetry: durable && !(attempt >= attempts),
    path: message.subject,
  })
  active.set(host, delivery)
  return { message: host, delivery }
}

/** Wraps a method that settles a message: it ends the request after the call. */
function settling(endOf: (reason: unknown) => RequestEnd, willRetry?: boolean): MethodWrapper {
  return (settle, message) =>
    (...args) => {
      const result = settle(...args)
      active.get(message)?.end(endOf(args[0]), willRetry)
      return result
    }
}

const OK: RequestEnd = { outcome: 'ok' }
const NAK: RequestEnd = { outcome: 'error', error: { name: 'Nak', message: 'the handler asked for another delivery' } }

const SETTLEMENTS: Readonly<Record<string, MethodWrapper>> = {
  ack: settling(() => OK),
  // Acknowledges, and requests the next message.
  next: settling(() => OK),
  nak: settling((delayMs) => ({ ...NAK, retryDelayMs: typeof delayMs === 'number' ? delayMs : undefined })),
  term: settling(
    (reason) => ({
      outcome: 'error',
      error: { name: 'Term', message: typeof reason === 'string' ? reason : 'the handler rejected the message' },
    }),
    false,
  ),
  ackAck:
    (ackAck, message) =>
    (...args) => {
      const confirmed = ackAck(...args)
      // Without a confirmation the request is still open: the handler gets the result, and its end decides.
      if (isThenable(confirmed))
        confirmed.then(
          (acknowledged) => {
            if (acknowledged === true) active.get(message)?.end(OK)
          },
          () => undefined,
        )
      return confirmed
    },
}
