import { currentRequest } from '../../tracking/current-request.ts'
import { dueAfter } from '../../tracking/hand-off.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { runWith } from '../../tracking/storage.ts'
import { startDelivery, type Delivery } from '../_deliveries.ts'
import { carrierIn } from './metadata.ts'
import { hasOwnStrategy, retryDelayMs, willRetry, type RetriedJob } from './retry.ts'

/** The members of a job that are read. */
export interface JobLike extends RetriedJob {
  readonly queueName: string
  /** The number of times that the job was started, including runs that stalled. */
  readonly attemptsStarted?: number
  /** Epoch milliseconds at which this run was started. */
  readonly processedOn?: number | undefined
  /** Set for jobs of a job scheduler. */
  readonly repeatJobKey?: string | undefined
  readonly finishedOn?: number | undefined
  readonly opts: RetriedJob['opts'] & {
    readonly telemetry?: { readonly metadata?: string | undefined } | undefined
    /** The metadata, where BullMQ 5 passes the job to a sandboxed processor. */
    readonly tm?: string
  }
}

/** One run of a job. */
export function deliveryOf(job: JobLike): Delivery {
  const { opts, attemptsStarted = 0, attemptsMade = 0, processedOn, repeatJobKey, queueName } = job
  return {
    host: job,
    carrier: repeatJobKey === undefined ? carrierIn(opts.telemetry?.metadata ?? opts.tm) : undefined,
    attempt: attemptsStarted > 0 ? attemptsStarted : attemptsMade + 1,
    willRetry: (error) => willRetry(job, error),
    retryDelayMs: (error) => retryDelayMs(job, error),
    // When a backoff was over is not known, but it was before BullMQ started this run.
    due: attemptsMade > 0 && opts.backoff !== undefined ? processedOn : undefined,
    path: queueName,
  }
}

/** A worker has reported that a job failed: it runs again, or has failed for good. */
export function jobFailed(core: RequestCore, job: JobLike, error: unknown): void {
  const { errors } = core.settings
  const request = runWith(undefined, () => currentRequest(job))
  // Undefined for a job that will run again.
  const isFinal = job.finishedOn !== undefined
  if (isFinal && request === undefined)
    startDelivery(core, { ...deliveryOf(job), willRetry: false }).end({ outcome: 'error', error })
  // A request that expected another attempt has not ended yet; any other has.
  if (request?.attempt === undefined) return
  if (isFinal) errors.run(() => request.finishDelivery({ outcome: 'error', error }, false))
  else if (hasOwnStrategy(job)) {
    // The delay was not known when the processor ended.
    const due = dueAfter(request, job.delay)
    if (due !== undefined) errors.run(() => request.emitNote('note', 'RETRY', { due }))
  }
}
