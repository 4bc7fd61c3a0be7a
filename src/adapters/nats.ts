import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { NatsSendOptions } from './_nats/outgoing-message.ts'
import { hostHeaders } from './_nats/headers.ts'
import { takeMessage, type NatsMessageLike } from './_nats/message.ts'
import { connectionMethods, jetStreamMethods } from './_nats/producer-methods.ts'
import { wrapMethods } from './_wrap-methods.ts'
import { processOne } from './_deliveries.ts'

export type { NatsMessageLike, NatsSendOptions }

/** What is touched of a connection, which has `request`, `requestMany` and `flush` besides, and of a JetStream client. */
export interface NatsSenderLike {
  publish(...args: never[]): unknown
}

/** A tracker's options, or `{ tracker }`, and what no message tells. */
export type NatsOptions = TrackerSource & {
  /** The `max_deliver` of the consumer: after so many deliveries a failure is final. By default JetStream never gives up. */
  readonly attempts?: number
}

/** A handler's arguments: the message, or, as a subscription's `callback` is called, an error or null and then the message. */
export type NatsArgs = [message: NatsMessageLike] | [error: unknown, message: NatsMessageLike | null]

/**
 * Wraps a handler of one message, which resumes the request that the message carries, or starts one.
 *
 * It may be a subscription's or a consumer's `callback`, or be called for each message of an iterator. What JetStream
 * is told decides: `ack` and `ackAck` complete the request, `nak` notes a retry, `term` completes it with outcome
 * `error`. A handler that tells it nothing ends the request as it ends itself; where it throws, JetStream delivers
 * again after `ack_wait`, unless `attempts` are used up. A core message comes once, so there an error is final. A
 * callback that is called with an error is passed it, untracked.
 *
 * @example for await (const message of await consumer.consume()) await work(message)
 * @example nc.subscribe('orders', { callback: trackRequest((error, message) => …, { service: 'worker' }) })
 */
export function trackRequest<Args extends NatsArgs, R>(
  handler: (...args: Args) => R,
  options: NatsOptions,
): (...args: Args) => R {
  const core = coreOf(options)
  // As in a consumer's configuration, -1 is no limit.
  const attempts = options.attempts !== undefined && options.attempts > 0 ? options.attempts : Infinity
  return (...args) => {
    const [first, second] = args
    const given = isMessage(first) ? first : (first ?? null) === null && isMessage(second) ? second : undefined
    if (given === undefined) return handler(...args)
    const { message, taken } = takeMessage(core, given, attempts)
    // The same arguments, with the message's stand-in in its place.
    const stoodIn = args.map((arg) => (arg === given ? message : arg)) as Args
    return processOne(taken, () => handler(...stoodIn))
  }
}

/**
 * The same connection or JetStream client, whose messages carry the request in hand in their headers.
 *
 * What JetStream publishes hands the request over, which is Queued once the stream has the message. What a connection
 * publishes has it as its parent, since any number of subscribers may get it; with `as: 'hand-off'`, where a queue
 * group does the work, the request is Queued once the server has answered. `request` and `requestMany` are calls:
 * whoever answers has a request of its own.
 *
 * Headers of another trace that the caller has set stay, and so does the caller's object. Subjects that begin with `$`
 * or `_INBOX.` get nothing, and neither does a server without headers.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION where no NATS package is found from here, and `headers` is not given
 * @example const js = propagate(jetstream(await connect()))
 */
export function propagate<T extends NatsSenderLike>(sender: T, options: NatsSendOptions = {}): T {
  const carrying = { ...options, headers: options.headers ?? hostHeaders() }
  return wrapMethods(sender, 'flush' in sender ? connectionMethods(carrying) : jetStreamMethods(carrying))
}

function isMessage(value: unknown): value is NatsMessageLike {
  return typeof value === 'object' && value !== null && 'subject' in value && typeof value.subject === 'string'
}
