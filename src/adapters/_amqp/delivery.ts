import { currentRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import type { OptionNames } from '../../tracking/options.ts'
import { attemptOf, carrierOf, type AmqpMessageLike } from './headers.ts'
import type { UnackedDeliveries, Settlement, PendingDelivery } from './unacked-deliveries.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'

/** What a message does not say about its retries. */
export interface Retries<M> {
  /**
   * The number of deliveries after which a failure is final: a quorum queue's `x-delivery-limit` plus one, since that
   * counts redeliveries. By default, and with 0, there is always another delivery.
   */
  readonly attempts?: number
  /** Whether a rejected message (`requeue` false) comes back from a queue where it waits. By default it does not. */
  readonly willRetry?: (message: M, attempt: number) => boolean
}

/** The names of {@link Retries}. */
export const RETRIES: OptionNames<Retries<never>> = { attempts: true, willRetry: true }

/** Where a message came from. */
export interface DeliveryOrigin {
  readonly queue: string | undefined
  /** The unsettled deliveries of its channel; undefined with `noAck`. */
  readonly unacked: UnackedDeliveries | undefined
  /** Whether the message was settled before its handler ran: then it ends with its handler. */
  readonly settled: boolean
}

/** The origins of messages that came through a wrapped channel. */
export const deliveryOrigins = new WeakMap<object, DeliveryOrigin>()

/** Starts a delivery: it ends when its channel settles the message or, where that cannot be seen, with its handler. */
export function startMessage<M extends AmqpMessageLike>(
  core: RequestCore,
  message: M,
  { attempts = 0, willRetry }: Retries<M>,
): ActiveDelivery {
  const { errors } = core.settings
  const origin = deliveryOrigins.get(message)
  const queue = origin?.queue
  const unacked = origin?.settled === true ? undefined : origin?.unacked
  const attempt = errors.run(() => attemptOf(message, queue)) ?? 1
  const delivery = startDelivery(core, {
    host: message,
    carrier: errors.run(() => carrierOf(message, queue)),
    attempt,
    // A message of an unwrapped channel is assumed to need an ack, as most do.
    willRetry: !(attempts > 0 && attempt >= attempts) && (origin === undefined || unacked !== undefined),
    path: queue ?? (message.fields.routingKey || message.fields.exchange),
  })
  if (unacked === undefined) return delivery
  const returnsAfterReject = (): boolean => errors.run(() => willRetry?.(message, attempt)) === true
  return untilSettled(core, delivery, { tag: message.fields.deliveryTag, unacked, returnsAfterReject })
}

const OK: RequestEnd = { outcome: 'ok' }
const ERRORS: Readonly<Record<Exclude<Settlement, 'acked'>, unknown>> = {
  requeued: { name: 'Requeue', message: 'the handler asked for another delivery' },
  dropped: { name: 'Reject', message: 'the handler rejected the message' },
  lost: { name: 'ChannelClosed', message: 'the channel closed before the message was acknowledged' },
}

interface Unsettled {
  readonly tag: number
  readonly unacked: UnackedDeliveries
  /** Whether the message will be delivered again if it is rejected. */
  readonly returnsAfterReject: () => boolean
}

/** A delivery that ends when its channel settles it, and not when its handler returns. */
function untilSettled(
  core: RequestCore,
  delivery: ActiveDelivery,
  { tag, unacked, returnsAfterReject }: Unsettled,
): ActiveDelivery {
  const { errors } = core.settings
  let error: unknown
  let failed = false
  const pending: PendingDelivery = {
    settled(settlement) {
      const end: RequestEnd = settlement === 'acked' ? OK : { outcome: 'error', error: error ?? ERRORS[settlement] }
      const willRetry = settlement === 'dropped' ? returnsAfterReject() : undefined
      const request = failed ? delivery.run(() => currentRequest()) : undefined
      if (request === undefined) delivery.end(end, willRetry)
      // The handler's error was recorded as one with a retry to come; this settlement rules that out.
      else if (settlement === 'acked' || willRetry === false) errors.run(() => request.finishDelivery(end, false))
    },
    failed(thrown) {
      error = thrown
      failed = true
      delivery.end({ outcome: 'error', error })
    },
  }
  unacked.add(tag, pending)
  return {
    run: delivery.run,
    end(end) {
      if (end.outcome !== 'error') return
      error = end.error
      // Code that catches the handler's error may still settle the message.
      process.nextTick(() => pending.failed(end.error))
    },
  }
}
