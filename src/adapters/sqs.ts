import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import { processBatch } from './_deliveries.ts'
import { isObject, withProperty, type UnknownObject } from './_objects.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { deliveriesOf, headersIn, QUEUE_OPTIONS, type QueueOptions, type SystemAttributes } from './_sqs/attributes.ts'
import { operate, operationOf, OPERATIONS } from './_sqs/operations.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'

export { fromSns } from './_sqs/attributes.ts'

/** The members of the SDK's client that are used: of `SQSClient`, `SQS`, `SNSClient` or `SNS`. */
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

/** What messages do not say about their queue. */
export interface SqsQueueOptions extends QueueOptions {
  /** The name of the queue, logged as `path`. By default `sqs`. */
  readonly queue?: string
  /** Returns a message's headers if they are not in its attributes: `fromSns`, or your own function. */
  readonly carrier?: (message: SqsMessageLike) => UnknownObject | undefined
}

/** A tracker's options, or `{ tracker }`, and what messages do not say about their queue. */
export type SqsOptions = TrackerSource & SqsQueueOptions

const SQS_QUEUE_OPTIONS: OptionNames<SqsQueueOptions> = { ...QUEUE_OPTIONS, queue: true, carrier: true }

/**
 * Wraps the handler of one message: it resumes the request that the message carries, or starts one.
 *
 * An error that the handler throws is thrown: do not delete the message then, and SQS delivers it again. Such an
 * attempt is recorded as one with a retry to come, up to `attempts`; the last completes its request with outcome
 * `error`.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example const handle = trackRequest(async (message) => …, { service: 'worker', queue: 'orders', attempts: 5 })
 */
export function trackRequest<M extends SqsMessageLike, Rest extends unknown[], R>(
  handler: (message: M, ...rest: Rest) => R,
  options: SqsOptions,
): (message: M, ...rest: Rest) => Promise<Awaited<R>> {
  const core = coreOf(options, SQS_QUEUE_OPTIONS)
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
 * Wraps a client: its messages carry the trace of the current request as attributes, and it asks for them when it
 * receives.
 *
 * A message that is sent alone hands the request off; it is Queued once SQS has answered. The messages of a batch, and
 * all that SNS publishes, have the request as their parent. Attributes that the caller has set stay, and the caller's
 * objects are not changed. SQS allows ten attributes: if not all trace headers fit, `tracestate` is dropped first; if
 * none fits, a note `PROPAGATE` is recorded.
 *
 * @example const sqs = propagate(new SQSClient())
 */
export function propagate<T extends SqsClientLike>(client: T, options: SendOptions = {}): T {
  checkSendOptions(options)
  const method =
    (operation: string): MethodWrapper =>
    (original) =>
    (input, ...rest) =>
      operate(options, operation, input, rest, original)
  return wrapMethods(client, {
    send:
      (send) =>
      (command, ...rest) => {
        if (!isObject(command)) return send(command, ...rest)
        // A copy of the command, so that its middleware is kept and the caller's object is not changed.
        const sendWith = (input: unknown, ...more: unknown[]): unknown =>
          send(input === command.input ? command : withProperty(command, 'input', input), ...more)
        return operate(options, operationOf(command), command.input, rest, sendWith)
      },
    ...Object.fromEntries(OPERATIONS.map((name) => [name.charAt(0).toLowerCase() + name.slice(1), method(name)])),
  })
}
