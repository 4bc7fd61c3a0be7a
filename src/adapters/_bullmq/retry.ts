import { isObject } from '../_objects.ts'

/** The members of a job that decide whether it runs again. */
export interface RetriedJob {
  readonly attemptsMade?: number
  readonly opts?: { readonly attempts?: number | undefined }
}

/** What a processor throws after it has moved its job: the job did not fail, and runs again. */
const MOVED: ReadonlySet<unknown> = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError'])
const UNRECOVERABLE: ReadonlySet<unknown> = new Set(['UnrecoverableError'])

/** The message by which BullMQ recognizes its RateLimitError. */
const RATE_LIMITED = 'bullmq:rateLimitExceeded'

/**
 * Whether BullMQ runs a job again after an error, as `Worker.handleFailed` and `Job.shouldRetryJob` decide.
 *
 * The worker's options are not known here: a backoff strategy that returns -1, and `maxStartedAttempts`.
 */
export function willRetry(job: RetriedJob, error: unknown): boolean {
  // BullMQ fails on such an error itself and leaves the job active, so that it stalls and runs again.
  if (error === undefined || error === null) return true
  if (isInstance(error, MOVED) || (isObject(error) && error.message === RATE_LIMITED)) return true
  const { attemptsMade = 0, opts } = job
  // Set by `job.discard()` of BullMQ 5, and private in its types.
  const discarded = Reflect.get(job, 'discarded') === true
  return attemptsMade + 1 < (opts?.attempts ?? 0) && !discarded && !isInstance(error, UNRECOVERABLE)
}

/**
 * Whether an error is an instance of one of BullMQ's classes, by name: a program may have loaded BullMQ twice. As with
 * `instanceof`, base classes count; BullMQ sets the name of each error to that of its class.
 */
function isInstance(error: unknown, names: ReadonlySet<unknown>): boolean {
  if (!isObject(error)) return false
  if (names.has(error.name)) return true
  if (!Object.hasOwn(error, 'name')) return false
  for (let level: unknown = error; isObject(level); level = Object.getPrototypeOf(level)) {
    if (typeof level.constructor === 'function' && names.has(level.constructor.name)) return true
  }
  return false
}
