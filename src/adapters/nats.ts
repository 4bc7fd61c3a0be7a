import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import { processOne } from './_deliveries.ts'
import { startMessage, type NatsMessageLike } from './_nats/delivery.ts'
import { hostHeaders } from './_nats/headers.ts'
import { NATS_SEND_OPTIONS, type NatsSendOptions } from './_nats/outgoing-message.ts'
import { connectionMethods, jetStreamMethods } from './_nats/producer-methods.ts'
import { isObject } from './_objects.ts'
import { checkSendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

export type { NatsMessageLike, NatsSendOptions }

/**
 * The members of a connection or JetStream client that are used; a connection also has `request`, `requestMany`,
 * `flush`.
 */
export interface NatsSenderLike {
  publish(...args: never[]): unknown
}

/** What messages do not say about their retries. */
export interface NatsRetries {
  /**
   * The consumer's `max_deliver`: the number of deliveries after which a failure is final. By default there is no
   * limit.
   */
  readonly attempts?: number
}

/** A tracker's options, or `{ tracker }`, and what messages do not say about their retries. */
export type NatsOptions = TrackerSource & NatsRetries

const NATS_OPTIONS: OptionNames<NatsRetries> = { attempts: true }

/**
 * A handler's arguments: the message, or, as for a subscription's `callback`, an error or null and then the message.
 */
export type NatsArgs = [message: NatsMessageLike] | [error: unknown, message: NatsMessageLike | null]

/**
 * Wraps a handler of one message: it resumes the request that the message carries, or starts one.
 *
 * Use it as the `callback` of a subscription or consumer, or call it for each message of an iterator. On a JetStream
 * message, `ack` and `ackAck` complete the request, `nak` records a retry, and `term` completes it with outcome
 * `error`. If the handler does none of these, the request ends with it; if it throws, JetStream delivers again after
 * `ack_wait`, unless `attempts` are used up. A core message is delivered once, so there an error is final. A callback
 * that is called with an error receives it untracked.
 *
 * @example for await (const message of await consumer.consume()) await work(message)
 * @example nc.subscribe('orders', { callback: trackRequest((error, message) => …, { service: 'worker' }) })
 */
export function trackRequest<Args extends NatsArgs, R>(
  handler: (...args: Args) => R,
  options: NatsOptions,
): (...args: Args) => R {
  const core = coreOf(options, NATS_OPTIONS)
  // As in a consumer's configuration, -1 means no limit.
  const attempts = options.attempts !== undefined && options.attempts > 0 ? options.attempts : Infinity
  return (...args) => {
    const [first, second] = args
    const received = isMessage(first) ? first : (first ?? null) === null && isMessage(second) ? second : undefined
    if (received === undefined) return handler(...args)
    const { message, delivery } = startMessage(core, received, attempts)
    // The same arguments, except that the message may be wrapped.
    const handlerArgs = args.map((arg) => (arg === received ? message : arg)) as Args
    return processOne(delivery, () => handler(...handlerArgs))
  }
}

/**
 * Wraps a connection or a JetStream client: its messages carry the trace of the current request in their headers.
 *
 * A message that JetStream publishes hands the request off; it is Queued once the stream has the message. A message
 * that a connection publishes has the request as its parent, since any number of subscribers may receive it; with `as:
 * 'hand-off'`, for the workers of a queue group, the request is Queued once the server has confirmed it. `request` and
 * `requestMany` are calls: the service that answers has a request of its own.
 *
 * Headers of another trace that the caller has set stay, and the caller's object is not changed. Subjects that begin
 * with `$` or `_INBOX.` get no headers, and neither do messages to a server without header support.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION if the program has no NATS package, and `headers` is not given
 * @example const js = propagate(jetstream(await connect()))
 */
export function propagate<T extends NatsSenderLike>(sender: T, options: NatsSendOptions = {}): T {
  checkSendOptions(options, NATS_SEND_OPTIONS)
  const resolved = { ...options, headers: options.headers ?? hostHeaders() }
  return wrapMethods(sender, 'flush' in sender ? connectionMethods(resolved) : jetStreamMethods(resolved))
}

function isMessage(value: unknown): value is NatsMessageLike {
  return isObject(value) && typeof value.subject === 'string'
}
