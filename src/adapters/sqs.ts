import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { withProperty, isRecord } from './_send.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { processBatch, type SendOptions } from './_deliveries.ts'
import {
  deliveriesOf,
  headersIn,
  type UnknownObject,
  type QueueOptions,
  type SystemAttributes,
} from './_sqs/attributes.ts'
import { operate, operationOf, OPERATIONS } from './_sqs/operations.ts'

export { fromSns } from './_sqs/attributes.ts'

/** The members of the SDK's client that are touched: `SQSClient`, `SQS`, `SNSClient` or `SNS`. */
export interface SqsClientLike {
  send(...args: never[]): unknown
}

/** The members of a received message that are read. */
export interface SqsMessageLike {
  readonly Body?: string | undefined
  readonly MessageAttributes?:
    | Readonly<
        Record<string, { readonly StringValue?: string | undefined; readonly BinaryValue?: Uint8Array | undefined }>
      >
    | undefined
  readonly Attributes?: SystemAttributes | undefined
}

/** A tracker's options, or `{ tracker }`, and what is known of the queue. */
export type SqsOptions = TrackerSource &
  QueueOptions & {
    /** What is logged as `path`: no message names its queue. By default `sqs`. */
    readonly queue?: string
    /** Where a message's headers are, if not in its attributes: `fromSns`, or a function of yours. */
    readonly carrier?: (message: SqsMessageLike) => UnknownObject | undefined
  }

/**
 * Wraps the handler of one message: it resumes the request that the message carries, or starts one.
 *
 * What it throws is passed on: do not delete the message then, and SQS delivers it again. That is noted as an attempt
 * with a retry to come, up to `attempts`; the last completes its request with outcome `error`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example const handle = trackRequest(async (message) => …, { service: 'worker', queue: 'orders', attempts: 5 })
 */
export function trackRequest<M extends SqsMessageLike, Rest extends unknown[], R>(
  handler: (message: M, ...rest: Rest) => R,
  options: SqsOptions,
): (message: M, ...rest: Rest) => Promise<Awaited<R>> {
  const core = coreOf(options)
  const deliveryOf = deliveriesOf(options)
  const { queue = 'sqs', carrier = ({ MessageAttributes }: SqsMessageLike) => headersIn(MessageAttributes) } = options
  return (message, ...rest) => {
    const headers = core.settings.errors.run(() => carrier(message))
    return processBatch(core, [deliveryOf({ host: message, headers, system: message.Attributes, queue })], () =>
      handler(message, ...rest),
    )
  }
}

/**
 * The same client, whose messages carry the request in hand as attributes, and which asks for them when it receives.
 *
 * A message that is sent alone hands the request over, which is Queued once SQS has answered; those of a batch have it
 * as their parent, and so have all that SNS publishes. Attributes that the caller has set stay, and so do his objects.
 * SQS takes ten: where ours do not all fit, `tracestate` goes first; where none does, a note `PROPAGATE` says so.
 *
 * @example const sqs = propagate(new SQSClient())
 */
export function propagate<T extends SqsClientLike>(client: T, options: SendOptions = {}): T {
  const method =
    (operation: string): MethodWrapper =>
    (own) =>
    (input, ...rest) =>
      operate(options, operation, input, rest, own)
  return wrapMethods(client, {
    send:
      (send) =>
      (command, ...rest) => {
        if (!isRecord(command)) return send(command, ...rest)
        // A command made anew: its middleware stays, and so does the caller's own.
        const sendWith = (input: unknown, ...more: unknown[]): unknown =>
          send(input === command.input ? command : withProperty(command, 'input', input), ...more)
        return operate(options, operationOf(command), command.input, rest, sendWith)
      },
    ...Object.fromEntries(OPERATIONS.map((name) => [name.charAt(0).toLowerCase() + name.slice(1), method(name)])),
  })
}
