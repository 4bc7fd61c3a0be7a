import { currentRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { attemptOf, carrierOf, type AmqpMessageLike } from './headers.ts'
import type { UnackedDeliveries, Settlement, PendingDelivery } from './unacked-deliveries.ts'
import { startDelivery, type ActiveDelivery } from '../_deliveries.ts'

/** What no message tells of its retries. */
export interface Retries<M> {
  /**
   * After so many deliveries a failure is final: a quorum queue's `x-delivery-limit` and one more, since that counts from
   * the second. By default, and with 0, there is always another.
   */
  readonly attempts?: number
  /** Whether a message that is given up (`requeue` false) comes back to its queue from one where it waits. By default it does not. */
  readonly willRetry?: (message: M, attempt: number) => boolean
}

/** Where a message came from. */
export interface DeliveryOrigin {
  readonly queue: string | undefined
  /** Where its answer shows; undefined where none will, with `noAck`. */
  readonly ledger: UnackedDeliveries | undefined
  /** Whether it was answered before: one that is worked on after that ends with its handler. */
  readonly answered: boolean
}

/** Of messages whose channel is overlaid. */
export const deliveryOrigins = new WeakMap<object, DeliveryOrigin>()

/** Takes a message up: its request ends as its channel is told or, where that cannot be seen, as its handler does. */
export function takeMessage<M extends AmqpMessageLike>(
  core: RequestCore,
  message: M,
  { attempts = 0, willRetry }: Retries<M>,
): ActiveDelivery {
  const { errors } = core.settings
  const source = deliveryOrigins.get(message)
  const queue = source?.queue
  const ledger = source?.answered === true ? undefined : source?.ledger
  const attempt = errors.run(() => attemptOf(message, queue)) ?? 1
  const taken = startDelivery(core, {
    host: message,
    carrier: errors.run(() => carrierOf(message, queue)),
    attempt,
    // A message of a bare channel is held to be one that has to be acknowledged, as most have.
    willRetry: !(attempts > 0 && attempt >= attempts) && (source === undefined || ledger !== undefined),
    path: queue ?? (message.fields.routingKey || message.fields.exchange),
  })
  if (ledger === undefined) return taken
  return untilSettled(
    core,
    taken,
    message.fields.deliveryTag,
    ledger,
    () => errors.run(() => willRetry?.(message, attempt)) === true,
  )
}

const OK: RequestEnd = { outcome: 'ok' }
const FAULTS: Readonly<Record<Exclude<Settlement, 'acked'>, unknown>> = {
  requeued: { name: 'Requeue', message: 'the handler asked for another delivery' },
  dropped: { name: 'Reject', message: 'the handler gave the message up' },
  lost: { name: 'ChannelClosed', message: 'the channel closed before the message was acknowledged' },
}

/** The message, which its handler does not end by returning, but its channel by what it is told. */
function untilSettled(
  core: RequestCore,
  taken: ActiveDelivery,
  tag: number,
  ledger: UnackedDeliveries,
  comesBack: () => boolean,
): ActiveDelivery {
  const { errors } = core.settings
  let error: unknown
  let noted = false
  const waiting: PendingDelivery = {
    settled(verdict) {
      const how: RequestEnd = verdict === 'acked' ? OK : { outcome: 'error', error: error ?? FAULTS[verdict] }
      const again = verdict === 'dropped' ? comesBack() : undefined
      const request = noted ? taken.run(() => currentRequest()) : undefined
      if (request === undefined) taken.end(how, again)
      // That the handler threw was noted, as by a broker that delivers again; now it is known that this one does not.
      else if (verdict === 'acked' || again === false) errors.run(() => request.finishDelivery(how, false))
    },
    failed(thrown) {
      error = thrown
      noted = true
      taken.end({ outcome: 'error', error })
    },
  }
  ledger.add(tag, waiting)
  return {
    run: taken.run,
    end(how) {
      if (how.outcome !== 'error') return
      error = how.error
      // Whoever catches what the handler threw may tell the channel yet.
      process.nextTick(() => waiting.failed(how.error))
    },
  }
}
