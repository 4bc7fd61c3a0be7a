import { currentRequest } from '../tracking/current-request.ts'
import { runWith } from '../tracking/storage.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { carrierIn } from './_bullmq/metadata.ts'
import { addMethod, type ProducerLike } from './_bullmq/producer-methods.ts'
import { willRetry, type RetriedJob } from './_bullmq/retry.ts'
import { startDelivery, processBatch, type Delivery } from './_deliveries.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { wrapMethods } from './_wrap-methods.ts'

/** The members of a job that are read. */
export interface JobLike extends RetriedJob {
  readonly queueName: string
  /** The number of times that the job was started, including runs that stalled. */
  readonly attemptsStarted?: number
  /** Set for jobs of a job scheduler. */
  readonly repeatJobKey?: string | undefined
  readonly finishedOn?: number | undefined
  readonly opts: RetriedJob['opts'] & {
    readonly telemetry?: { readonly metadata?: string | undefined } | undefined
    /** The metadata, where BullMQ 5 passes the job to a sandboxed processor. */
    readonly tm?: string
  }
}

/** A processor, for `new Worker(name, processor)`. */
export interface TrackedProcessor<J, Rest extends unknown[], R> {
  (job: J, ...rest: Rest): Promise<R>
  /** For the worker's event `failed`: ends the request of a job that BullMQ has failed outside the processor. */
  readonly failed: (job: JobLike | undefined, error: unknown) => void
}

/**
 * Wraps a worker's processor: each job resumes the request that it carries, or starts one.
 *
 * A failed attempt that is not the last is recorded as a retry, and so is one that moved its job (`DelayedError` and
 * the like). The last attempt completes its request, with outcome `error` if it fails. A stalled job runs again, as a
 * further attempt.
 *
 * BullMQ also fails jobs outside the processor: without a run, after too many stalls or if a child failed; and after a
 * run, if a backoff strategy says so. Only the worker reports that: `worker.on('failed', processor.failed)`.
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
    // Undefined for a job that will run again.
    if (job?.finishedOn === undefined) return
    const request = runWith(undefined, () => currentRequest(job))
    const { errors } = core.settings
    if (request === undefined)
      startDelivery(core, { ...deliveryOf(job), willRetry: false }).end({ outcome: 'error', error })
    // A request that expected another attempt has not ended yet; any other has.
    else if (request.attempt !== undefined) errors.run(() => request.finishDelivery({ outcome: 'error', error }, false))
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
