import type { Carrier } from '../trace/carrier.ts'
import { runWith } from '../tracking/context.ts'
import { endWithMessage, type End } from '../tracking/ending.ts'
import type { HandOff } from '../tracking/hand-off.ts'
import type { Tracker } from '../tracking/tracker.ts'
import { beginWork } from '../tracking/work-handler.ts'

/** One message as its host delivered it. */
export interface Delivery {
  /** What the handler is given: the request hangs on it. */
  readonly host: object
  readonly carrier: Carrier
  /** Which delivery of the message this is: 1, 2 … */
  readonly attempt: number
  /** Whether the queue delivers it again if this attempt fails. */
  readonly willRetry: boolean
  /** The name of the queue. */
  readonly path: string
}

/** The time after which a queue takes its messages back, whatever the handler does. */
export interface Expiry {
  readonly afterMs: number
  readonly error: Error
}

/**
 * Sends one message, and says of its hand-off how that went. What `send` throws is passed on.
 *
 * @param taken whether the broker has the message, by what it answered
 */
export async function sendCarrying<T>(
  handOff: HandOff,
  send: (headers: Record<string, string>) => T,
  taken: (answer: Awaited<T>) => boolean,
): Promise<Awaited<T>> {
  let answer: Awaited<T>
  try {
    answer = await send(handOff.headers)
  } catch (error) {
    handOff.failed(error)
    throw error
  }
  if (taken(answer)) handOff.sent()
  else handOff.declined()
  return answer
}

/**
 * Works on messages that a queue delivered together: resumes or starts the request of each, and ends all of them alike.
 *
 * One message alone is the request in hand; of several none is, and each hangs on its message. The call gives or
 * throws what the work does.
 */
export async function workOn<R>(tracker: Tracker, deliveries: readonly Delivery[], work: () => R, expiry?: Expiry): Promise<Awaited<R>> {
  const { table, faults } = tracker.core.settings
  const underWay = deliveries.map((delivery) => {
    const { host, carrier, path, attempt } = delivery
    return { delivery, request: beginWork(tracker, host, carrier, { path, attempt }) }
  })
  let open = true
  const end = (how: End): void => {
    if (!open) return
    open = false
    clearTimeout(timer)
    // One that cannot be ended must not keep the others from it.
    for (const { delivery, request } of underWay) faults.guard(() => endWithMessage(request, table, how, delivery.willRetry))
  }
  const timer = expiry === undefined ? undefined : setTimeout(() => end({ outcome: 'error', error: expiry.error }), expiry.afterMs).unref()
  try {
    tracker.core.beforeHandler()
    const result = await runWith(underWay.length === 1 ? underWay[0]?.request : undefined, work)
    end({ outcome: 'ok' })
    return result
  } catch (error) {
    end({ outcome: 'error', error })
    throw error
  }
}
