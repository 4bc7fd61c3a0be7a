import type { Carrier } from '../trace/carrier.ts'
import { runWith } from '../tracking/storage.ts'
import type { RequestEnd } from '../tracking/finish-request.ts'
import type { HandOff } from '../tracking/hand-off.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { acceptMessage, runAndFinish } from '../handlers/function-handler.ts'

/** How a message stands to the request that sends it. */
export interface SendOptions {
  /**
   * `'hand-off'`: one consumer goes on with the request. `'child'`: each consumer starts a request of its own with the
   * sender as its parent, as where one event feeds many. A function decides by the name of the destination.
   */
  readonly as?: SendAs | ((destination: string) => SendAs)
}

export type SendAs = 'hand-off' | 'child'

/** One message as its host delivered it. */
export interface Delivery {
  /** What the handler is given: the request hangs on it. */
  readonly host: object
  readonly carrier: Carrier
  /** Which delivery of the message this is: 1, 2 … */
  readonly attempt: number
  /** Whether the queue delivers it again if this attempt fails; with what it failed, where that decides. */
  readonly willRetry: boolean | ((error: unknown) => boolean)
  /** The name of the queue. */
  readonly path: string
  /** What kind of message it is, where its host knows kinds. */
  readonly method?: string
}

/** The time after which a queue takes its messages back, whatever the handler does. */
export interface Expiry {
  readonly afterMs: number
  readonly error: Error
}

/** One message under way. */
export interface ActiveDelivery {
  /** Runs a part of the work with its request in hand. */
  readonly run: <R>(part: () => R) => R
  /** The work is over: the first call counts. `again` where the host itself was told whether it is to deliver the message again. */
  readonly end: (how: RequestEnd, again?: boolean) => void
}

/**
 * Sends one message, and says of its hand-off how that went. What `send` throws is passed on.
 *
 * @param taken whether the broker has the message, by what it answered
 */
export async function sendWithHandOff<T>(
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

/** Resumes or starts the request of a message, which whoever called this ends: for hosts that are told by hand (ack, nack). */
export function startDelivery(core: RequestCore, { host, carrier, willRetry, ...asked }: Delivery): ActiveDelivery {
  const { errors } = core.settings
  const request = acceptMessage(core, host, carrier, asked)
  let open = true
  return {
    run: (part) => request.run(part),
    end: (how, again) => {
      if (!open) return
      open = false
      const expected = (): boolean =>
        typeof willRetry === 'boolean' ? willRetry : errors.run(() => willRetry(how.error)) === true
      // One that cannot be ended must not keep others from it.
      errors.run(() => request.finishDelivery(how, how.outcome === 'error' && (again ?? expected())))
    },
  }
}

/** Works on one message that was taken, and ends it as the work does, where its host was not told before. */
export function processOne<R>(taken: ActiveDelivery, work: () => R): R {
  return runAndFinish(taken, work, taken.end)
}

/**
 * Works on messages that a queue delivered together: resumes or starts the request of each, and ends all of them alike.
 *
 * One message alone is the request in hand; of several none is, and each hangs on its message. The call gives or
 * throws what the work does.
 */
export async function processBatch<R>(
  core: RequestCore,
  deliveries: readonly Delivery[],
  work: () => R,
  expiry?: Expiry,
): Promise<Awaited<R>> {
  const underWay = deliveries.map((delivery) => startDelivery(core, delivery))
  const end = (how: RequestEnd): void => {
    clearTimeout(timer)
    for (const taken of underWay) taken.end(how)
  }
  const timer =
    expiry === undefined
      ? undefined
      : setTimeout(() => end({ outcome: 'error', error: expiry.error }), expiry.afterMs).unref()
  try {
    const [first] = underWay
    const result = await (underWay.length === 1 && first !== undefined ? first.run(work) : withoutRequest(core, work))
    end({ outcome: 'ok' })
    return result
  } catch (error) {
    end({ outcome: 'error', error })
    throw error
  }
}

/** Several requests are under way, and none of them is the one in hand. */
function withoutRequest<R>(core: RequestCore, work: () => R): R {
  core.beforeHandler()
  return runWith(undefined, work)
}
