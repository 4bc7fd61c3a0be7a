import type { Carrier } from '../trace/carrier.ts'
import { runWith } from '../tracking/storage.ts'
import type { RequestEnd } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { isThenable } from '../tracking/promises.ts'
import { acceptMessage, runAndFinish } from '../handlers/function-handler.ts'

/** One message, as its host delivered it. */
export interface Delivery {
  /** The handler's argument, to which the request is attached. */
  readonly host: object
  readonly carrier: Carrier
  /** The number of this delivery of the message: 1, 2 … */
  readonly attempt: number
  /** Whether the queue delivers the message again if this attempt fails; a function if that depends on the error. */
  readonly willRetry: boolean | ((error: unknown) => boolean)
  /** Epoch milliseconds until which the queue held this delivery back, if it did and the carrier does not say it. */
  readonly due?: number | undefined
  /** For how many milliseconds the queue holds the message back before that other delivery, where that is known. */
  readonly retryDelayMs?: (error: unknown) => number | undefined | Promise<number | undefined>
  /** The name of the queue. */
  readonly path: string
  /** The kind of message, for hosts that have kinds. */
  readonly method?: string
}

/** The time after which a queue considers its messages failed, even if the handler still runs. */
export interface Expiry {
  readonly afterMs: number
  readonly error: Error
}

/** How one message of a batch ended. */
export interface DeliveryEnd {
  readonly end: RequestEnd
  /** False if the queue does not deliver it again, whatever its delivery says. */
  readonly willRetry?: false
}

/** How each message of a batch ended, by its place. */
export type BatchEnds = (at: number) => DeliveryEnd

/** A message that is being processed. */
export interface ActiveDelivery {
  /** Runs a part of the work with the message's request as the current request. */
  readonly run: <R>(part: () => R) => R
  /**
   * Ends the work; only the first call counts.
   *
   * @param willRetry replaces the delivery's own, for hosts whose handlers ask for another delivery, or for none
   */
  readonly end: (end: RequestEnd, willRetry?: boolean) => void
}

/** A message whose tracking failed: it is processed all the same. */
export const UNTRACKED: ActiveDelivery = { run: (part) => part(), end: () => undefined }

/** Resumes or starts the request of a message. The caller ends it: for hosts with explicit settlement (ack, nack). */
export function startDelivery(
  core: RequestCore,
  { host, carrier, willRetry, retryDelayMs, ...target }: Delivery,
): ActiveDelivery {
  const { errors } = core.settings
  const request = errors.run(() => acceptMessage(core, host, carrier, target))
  if (request === undefined) return UNTRACKED
  let ended = false
  return {
    run: (part) => request.run(part),
    end: (end, retries) => {
      if (ended) return
      ended = true
      const expected = (): boolean =>
        typeof willRetry === 'boolean' ? willRetry : errors.run(() => willRetry(end.error)) === true
      const isRetried = end.outcome === 'error' && (retries ?? expected())
      const finish = (delayMs = end.retryDelayMs): void =>
        request.finishDelivery({ ...end, retryDelayMs: delayMs }, isRetried)
      const delay = isRetried ? errors.run(() => retryDelayMs?.(end.error)) : undefined
      // Not awaited by the host: the handler's promise settles as it would without tracking.
      if (isThenable(delay)) delay.then(finish, () => finish())
      else finish(delay)
    },
  }
}

/** Processes one message, and ends it with the work if its host has not ended it before. */
export function processOne<R>(delivery: ActiveDelivery, work: () => R): R {
  return runAndFinish(delivery, work, delivery.end)
}

/**
 * Processes messages that a queue delivered together: resumes or starts the request of each, and ends all of them
 * alike, or each as its result says.
 *
 * The request of a single message is the current request. Of several none is; each is attached to its message. Resolves
 * or rejects as the work does.
 */
export async function processBatch<R>(
  core: RequestCore,
  deliveries: readonly Delivery[],
  work: () => R,
  expiry?: Expiry,
  endsOf: (result: Awaited<R>) => BatchEnds | undefined = () => undefined,
): Promise<Awaited<R>> {
  const active = deliveries.map((delivery) => startDelivery(core, delivery))
  const endAll = (endOf: BatchEnds): void => {
    clearTimeout(timer)
    for (const [at, delivery] of active.entries()) {
      const { end, willRetry } = endOf(at)
      delivery.end(end, willRetry)
    }
  }
  const failAll = (error: unknown): void => endAll(() => ({ end: { outcome: 'error', error } }))
  const timer = expiry === undefined ? undefined : setTimeout(() => failAll(expiry.error), expiry.afterMs).unref()
  try {
    const [first] = active
    const result = await (active.length === 1 && first !== undefined ? first.run(work) : runWithoutRequest(core, work))
    endAll(core.settings.errors.run(() => endsOf(result)) ?? (() => OK))
    return result
  } catch (error) {
    failAll(error)
    throw error
  }
}

const OK: DeliveryEnd = { end: { outcome: 'ok' } }

/** Runs a handler that works on several requests, none of which is the current one. */
export function runWithoutRequest<R>(core: RequestCore, work: () => R): R {
  core.settings.errors.run(() => core.beforeHandler())
  return runWith(undefined, work)
}
