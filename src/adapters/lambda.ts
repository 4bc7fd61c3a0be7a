import { currentRequest } from '../tracking/current-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import { badOption } from '../tracking/settings.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import {
  INVOCATION_OPTIONS,
  invocations,
  type InvocationOptions,
  type LambdaContextLike,
} from './_lambda/invocation.ts'
import {
  processEach,
  processTogether,
  recordDeliveries,
  sqsRecords,
  type BatchResponse,
  type SqsRecordLike,
} from './_lambda/sqs-records.ts'
import { TRACK_INVOCATION_OPTIONS, trackInvocation, type TrackInvocationOptions } from './_lambda/track-invocation.ts'
import type { UnknownObject } from './_objects.ts'
import { QUEUE_OPTIONS, type QueueOptions } from './_sqs/attributes.ts'

export { fromSns } from './_sqs/attributes.ts'

/** A tracker's options, or `{ tracker }`, and those of invocations, queues and authentication over HTTP. */
export type LambdaOptions<Event> = TrackerSource & InvocationOptions & QueueOptions & TrackInvocationOptions<Event>

/** The options of {@link trackRecords} only. */
export interface BatchOptions {
  /** Processes all records at once, unless their queue is FIFO. */
  readonly concurrent?: boolean
  /** Returns a record's headers if they are not in its attributes: `fromSns`, or your own function. */
  readonly carrier?: (record: SqsRecordLike) => UnknownObject | undefined
}

/** The options of {@link trackRecords}. */
export type RecordOptions = TrackerSource & InvocationOptions & QueueOptions & BatchOptions

const BATCH_OPTIONS: OptionNames<BatchOptions> = { concurrent: true, carrier: true }

/**
 * Wraps a function of AWS Lambda that returns a promise. The kind of event is recognized by its shape:
 *
 * - HTTP (API Gateway, function URLs, load balancers): one request, until the answer is returned. The trace id is added
 *   to the answer's headers; a handler that throws counts as status 502.
 * - SQS: one request for each record, for a handler that iterates over the records and finds the request of each by
 *   `currentRequest(record)`; records that it names in `batchItemFailures` have failed. See {@link trackRecords}.
 * - any other event: one request for each invocation.
 *
 * All lines are flushed before the promise settles.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example export const handler = trackRequest(async (event) => …, { service: 'gateway' })
 */
export function trackRequest<Event, Context extends LambdaContextLike, Rest extends unknown[], R>(
  handler: (event: Event, context: Context, ...rest: Rest) => R,
  options: LambdaOptions<Event>,
): (event: Event, context: Context, ...rest: Rest) => Promise<Awaited<R>> {
  // A handler with a callback or a response stream has no promise that says when it has finished.
  if (handler.length > 2) throw badOption('handler', 'a function of (event, context) that returns a promise')
  const core = coreOf(options, TRACK_INVOCATION_OPTIONS, INVOCATION_OPTIONS, QUEUE_OPTIONS)
  const invoke = invocations(core, options)
  const deliveryOf = recordDeliveries(core, options)
  return (event, context, ...rest) =>
    invoke(context, (invocation) => {
      const records = sqsRecords(event)
      const serve = (): R => handler(event, context, ...rest)
      if (records === undefined)
        return trackInvocation(core, options, { event, path: context.functionName, serve }, invocation)
      return processTogether(core, records, deliveryOf, () => {
        for (const record of records) invocation.active.add(currentRequest(record))
        return serve()
      })
    })
}

/**
 * Wraps the handler of one SQS record into a function that receives a batch: each record is a request of its own.
 *
 * The answer names the records whose handler threw, and SQS delivers those again. **The event source must have
 * `ReportBatchItemFailures` set: without it Lambda ignores the answer, and deletes the failed records too.**
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, immediately, for options that cannot be used
 * @example export const handler = trackRecords(async (record) => …, { service: 'worker', attempts: 5 })
 */
export function trackRecords<Rec extends SqsRecordLike, Context extends LambdaContextLike>(
  handler: (record: Rec, context: Context) => unknown,
  options: RecordOptions,
): (event: { readonly Records: readonly Rec[] }, context: Context) => Promise<BatchResponse> {
  const core = coreOf(options, BATCH_OPTIONS, INVOCATION_OPTIONS, QUEUE_OPTIONS)
  const invoke = invocations(core, options)
  const deliveryOf = recordDeliveries(core, options, options.carrier)
  const { concurrent = false } = options
  return ({ Records }, context) =>
    invoke(context, ({ active }) =>
      processEach(core, Records, { deliveryOf, concurrent, active, work: (record) => handler(record, context) }),
    )
}
