import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { deliveryOf, jobFailed, type JobLike } from './_bullmq/delivery.ts'
import { addMethod, type ProducerLike } from './_bullmq/producer-methods.ts'
import { processBatch } from './_deliveries.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

export type { JobLike } from './_bullmq/delivery.ts'

/** A processor, for `new Worker(name, processor)`. */
export interface TrackedProcessor<J, Rest extends unknown[], R> {
  (job: J, ...rest: Rest): Promise<R>
  /**
   * For the worker's event `failed`: ends the request of a job that BullMQ has failed outside the processor, and notes
   * when a retry is due whose delay a backoff strategy of the worker's has computed.
   */
  readonly failed: (job: JobLike | undefined, error: unknown) => void
}

/**
 * Wraps a worker's processor: each job resumes the request that it carries, or starts one.
 *
 * A failed attempt that is not the last is recorded as a retry, and so is one that moved its job (`DelayedError` and
 * the like). A retry that BullMQ holds back says when it is `due`: a job that was delayed or rate limited, or that failed
 * with a `backoff`. The last attempt completes its request, with outcome `error` if it fails. A stalled job runs again,
 * as a further attempt.
 *
 * BullMQ also fails jobs outside the processor: without a run, after too many stalls or if a child failed; and after a
 * run, if a backoff strategy says so. Only the worker reports that, and when a strategy of its own runs a job again:
 * `worker.on('failed', processor.failed)`.
 *
 * @example new Worker('orders', trackRequest(async (job) => …, { service: 'worker' }), { connection })
 */
export function trackRequest<J extends JobLike, Rest extends unknown[], R>(
  handler: (job: J, ...rest: Rest) => R,
  options: TrackerSource,
): TrackedProcessor<J, Rest, Awaited<R>> {
  const core = coreOf(options)
  const processor = (job: J, ...rest: Rest): Promise<Awaited<R>> =>
    processBatch(core, [deliveryOf(job)], () => handler(job, ...rest))
  const failed = (job: JobLike | undefined, error: unknown): void => {
    if (job !== undefined) jobFailed(core, job, error)
  }
  // BullMQ creates an AbortSignal only for a processor that declares a parameter for it.
  return Object.defineProperty(Object.assign(processor, { failed }), 'length', { value: handler.length })
}

/**
 * Wraps a Queue or FlowProducer: its jobs carry the trace of the current request, which is Queued once Redis has the
 * job.
 *
 * The carrier is in the metadata that BullMQ keeps for telemetry, beside the job's data. Your own telemetry still
 * writes there. Jobs with `omitContext`, and the repeated jobs of a scheduler, carry nothing.
 *
 * The jobs of `addBulk` with more than one job, and of a flow, have the request as their parent and do not hand it off;
 * neither does a job that a later one may replace (`deduplication`). If a job with the same id already exists, nothing
 * is handed off.
 *
 * @example const orders = propagate(new Queue('orders', { connection }))
 */
export function propagate<T extends ProducerLike>(producer: T, options: SendOptions = {}): T {
  checkSendOptions(options)
  return wrapMethods(producer, {
    add: addMethod(producer, 'add', options),
    addBulk: addMethod(producer, 'addBulk', options),
  })
}
