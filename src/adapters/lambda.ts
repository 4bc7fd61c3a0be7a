import { currentRequest } from '../tracking/current-request.ts'
import { badOption } from '../tracking/settings.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { trackInvocation, type TrackInvocationOptions } from './_lambda/tracked-request.ts'
import { invocations, type InvocationOptions, type LambdaContextLike } from './_lambda/invocation.ts'
import {
  recordDeliveries,
  sqsRecords,
  workOnAll,
  workOnEach,
  type BatchResponse,
  type SqsRecordLike,
} from './_lambda/records.ts'
import type { UnknownObject, QueueOptions } from './_sqs/attributes.ts'

export { fromSns } from './_sqs/attributes.ts'

/** A tracker's options, or `{ tracker }`, what is known of the invocations, and how callers over HTTP are found out. */
export type LambdaOptions<Event> = TrackerSource & InvocationOptions & QueueOptions & TrackInvocationOptions<Event>

/** The same for records of SQS. */
export type RecordOptions = TrackerSource &
  InvocationOptions &
  QueueOptions & {
    /** Works on all records at once, unless their queue is FIFO. */
    readonly concurrent?: boolean
    /** Where a record's headers are, if not in its attributes: `fromSns`, or a function of yours. */
    readonly carrier?: (record: SqsRecordLike) => UnknownObject | undefined
  }

/**
 * Wraps a function of AWS Lambda, which has to give a promise; what an event is, its shape tells.
 *
 * - HTTP (API Gateway, function URLs, load balancers): one request, until the answer is given. The trace id goes back
 *   with its head; a throw counts as status 502.
 * - SQS: one request for each record, for a handler that goes over the records itself and finds each by
 *   `currentRequest(record)`; records that it names in `batchItemFailures` have failed. See {@link trackRecords}.
 * - all else: one request for each invocation.
 *
 * All lines are out before the promise is settled.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example export const handler = trackRequest(async (event) => …, { service: 'gateway' })
 */
export function trackRequest<Event, Context extends LambdaContextLike, Rest extends unknown[], R>(
  handler: (event: Event, context: Context, ...rest: Rest) => R,
  options: LambdaOptions<Event>,
): (event: Event, context: Context, ...rest: Rest) => Promise<Awaited<R>> {
  // A callback, or the stream of an answer: when such a handler is through, no promise tells.
  if (handler.length > 2) throw badOption('handler', 'a function of (event, context) that gives a promise')
  const core = coreOf(options)
  const invoke = invocations(core, options)
  const deliveryOf = recordDeliveries(core, options)
  return (event, context, ...rest) =>
    invoke(context, (invocation) => {
      const records = sqsRecords(event)
      const serve = (): R => handler(event, context, ...rest)
      if (records === undefined)
        return trackInvocation(core, options, { event, path: context.functionName, serve }, invocation)
      return workOnAll(core, records, deliveryOf, () => {
        for (const record of records) invocation.underWay.add(currentRequest(record))
        return serve()
      })
    })
}

/**
 * Wraps the handler of one record of SQS into a function that Lambda gives many: each is a request of its own.
 *
 * A record whose handler throws is named in the answer, and SQS delivers that one again. **The event source must have
 * `ReportBatchItemFailures` set: without it Lambda heeds no answer, and deletes the failed records too.**
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example export const handler = trackRecords(async (record) => …, { service: 'worker', attempts: 5 })
 */
export function trackRecords<Rec extends SqsRecordLike, Context extends LambdaContextLike>(
  handler: (record: Rec, context: Context) => unknown,
  options: RecordOptions,
): (event: { readonly Records: readonly Rec[] }, context: Context) => Promise<BatchResponse> {
  const core = coreOf(options)
  const invoke = invocations(core, options)
  const deliveryOf = recordDeliveries(core, options, options.carrier)
  const { concurrent = false } = options
  return ({ Records }, context) =>
    invoke(context, ({ underWay }) =>
      workOnEach(core, Records, { deliveryOf, concurrent, underWay, work: (record) => handler(record, context) }),
    )
}
