import { currentRequest } from '../tracking/current-request.ts'
import { runWith } from '../tracking/storage.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { carrierIn } from './_bullmq/metadata.ts'
import { willRetry, type RetriedJob } from './_bullmq/retry.ts'
import { send, type ProducerLike } from './_bullmq/producer-methods.ts'
import { wrapMethods } from './_wrap-methods.ts'
import { startDelivery, processBatch, type Delivery, type SendOptions } from './_deliveries.ts'

/** The members of a job that are read. */
export interface JobLike extends RetriedJob {
  readonly queueName: string
  /** Counts every start, those of runs that stalled too. */
  readonly attemptsStarted?: number
  /** It comes of a job scheduler. */
  readonly repeatJobKey?: string | undefined
  readonly finishedOn?: number | undefined
  readonly opts: RetriedJob['opts'] & {
    readonly telemetry?: { readonly metadata?: string | undefined } | undefined
    /** The metadata as BullMQ 5 gives it to a sandboxed processor. */
    readonly tm?: string
  }
}

/** A processor, for `new Worker(name, processor)`. */
export interface TrackedProcessor<J, Rest extends unknown[], R> {
  (job: J, ...rest: Rest): Promise<R>
  /** For the worker's event `failed`: ends the request of a job that BullMQ gave up without the processor's knowing. */
  readonly failed: (job: JobLike | undefined, error: unknown) => void
}

/**
 * Wraps a worker's processor: each job resumes the request that it carries, or starts one.
 *
 * An attempt that fails while others remain is noted, and so is one that moved its job (`DelayedError` and its like).
 * The last completes its request with outcome `error`. A job that stalls runs again, as an attempt of its own.
 *
 * BullMQ fails a job without a run, where it stalled too often or a child of it failed, and after a run, where a
 * backoff strategy says so. Only the worker learns of that: `worker.on('failed', processor.failed)`.
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
    // One that runs again has not been finished.
    if (job?.finishedOn === undefined) return
    const request = runWith(undefined, () => currentRequest(job))
    const { errors } = core.settings
    if (request === undefined)
      startDelivery(core, { ...deliveryOf(job), willRetry: false }).end({ outcome: 'error', error })
    // Only one that waits for another attempt has not come to its end here.
    else if (request.attempt !== undefined) errors.run(() => request.finishDelivery({ outcome: 'error', error }, false))
  }
  // BullMQ makes an AbortSignal only for a processor that has a place for it.
  return Object.defineProperty(Object.assign(processor, { failed }), 'length', { value: handler.length })
}

/**
 * The same Queue or FlowProducer, whose jobs carry the request in hand, which is Queued once Redis has its job.
 *
 * The carrier rides beside the data, in the metadata that BullMQ keeps for telemetry. A telemetry of yours writes
 * there as before. A job with `omitContext` carries nothing, nor do the jobs of a scheduler, which come again and again.
 *
 * Several jobs of one call, and those of a flow, have the request as their parent, which stays where it is; so has a
 * job that a later one may replace (`deduplication`). Where a job of its id is there already, nothing is handed over.
 *
 * @example const orders = propagate(new Queue('orders', { connection }))
 */
export function propagate<T extends ProducerLike>(producer: T, options: SendOptions = {}): T {
  return wrapMethods(producer, { add: send(producer, 'add', options), addBulk: send(producer, 'addBulk', options) })
}

function deliveryOf(job: JobLike): Delivery {
  const { opts, attemptsStarted = 0, attemptsMade = 0, repeatJobKey, queueName } = job
  return {
    host: job,
    carrier: repeatJobKey === undefined ? carrierIn(opts.telemetry?.metadata ?? opts.tm) : undefined,
    attempt: attemptsStarted > 0 ? attemptsStarted : attemptsMade + 1,
    willRetry: (error) => willRetry(job, error),
    path: queueName,
  }
}
