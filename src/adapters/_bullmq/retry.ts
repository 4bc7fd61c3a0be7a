import { isObject } from '../_objects.ts'
import { isFunction } from '../_wrap-methods.ts'

/** The members of a job that decide whether it runs again, and when. */
export interface RetriedJob {
  readonly attemptsMade?: number
  /** For how long it is held back, counted from when BullMQ held it back. */
  readonly delay?: number
  readonly opts?: { readonly attempts?: number | undefined; readonly backoff?: number | BackoffLike | undefined }
}

interface BackoffLike {
  readonly type: string
  readonly delay?: number | undefined
}

/** What a processor throws after it has moved its job: the job did not fail, and runs again. */
const DELAYED: ReadonlySet<unknown> = new Set(['DelayedError'])
const MOVED: ReadonlySet<unknown> = new Set([...DELAYED, 'WaitingError', 'WaitingChildrenError'])
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
  if (isInstance(error, MOVED) || isRateLimited(error)) return true
  const { attemptsMade = 0, opts } = job
  // Set by `job.discard()` of BullMQ 5, and private in its types.
  const discarded = Reflect.get(job, 'discarded') === true
  return attemptsMade + 1 < (opts?.attempts ?? 0) && !discarded && !isInstance(error, UNRECOVERABLE)
}

/**
 * For how many milliseconds a job waits that {@link willRetry} after an error: BullMQ reads the delays of jobs, rate
 * limits and backoffs only after the processor has ended. With jitter, that is the longest.
 *
 * @returns undefined if it does not wait, and for a backoff strategy of the user's: {@link hasOwnStrategy}
 */
export function retryDelayMs(job: RetriedJob, error: unknown): number | undefined | Promise<number | undefined> {
  if (isRateLimited(error)) return rateLimitMs(job)
  // `job.moveToDelayed` has set it.
  if (isInstance(error, DELAYED)) return job.delay
  return error === undefined || error === null || isInstance(error, MOVED) ? undefined : backoffMs(job)
}

/** Whether only the worker knows the delay of a retry, because a strategy in its settings computes it. */
export function hasOwnStrategy({ opts }: RetriedJob): boolean {
  return typeof opts?.backoff === 'object' && !BUILT_IN.has(opts.backoff.type)
}

const BUILT_IN: ReadonlySet<string> = new Set(['fixed', 'exponential'])

function backoffMs({ attemptsMade = 0, opts }: RetriedJob): number | undefined {
  const backoff = typeof opts?.backoff === 'number' ? { type: 'fixed', delay: opts.backoff } : opts?.backoff
  if (backoff?.delay === undefined || !BUILT_IN.has(backoff.type)) return undefined
  return backoff.type === 'fixed' ? backoff.delay : 2 ** attemptsMade * backoff.delay
}

/** The job of a worker has the queue's connection; that of a sandbox has none. Private in BullMQ's types. */
function rateLimitMs(job: RetriedJob): Promise<number | undefined> | undefined {
  const queue: unknown = Reflect.get(job, 'queue')
  // In BullMQ 5, what asks Redis has another name.
  const backend = isObject(queue) ? (queue.backend ?? queue.scripts) : undefined
  if (!isObject(backend) || !isFunction(backend.getRateLimitTtl)) return undefined
  return Promise.resolve(Reflect.apply(backend.getRateLimitTtl, backend, [])).then(
    (ms) => (typeof ms === 'number' ? ms : undefined),
    // Redis cannot be reached.
    () => undefined,
  )
}

function isRateLimited(error: unknown): boolean {
  return isObject(error) && error.message === RATE_LIMITED
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
