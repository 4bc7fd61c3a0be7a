/** The members of a job that decide whether it runs again. */
export interface RetriedJob {
  readonly attemptsMade?: number
  readonly opts?: { readonly attempts?: number | undefined }
}

/** What a processor throws once it has moved its job: not failed, but to run again. */
const MOVED: ReadonlySet<unknown> = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError'])
const UNRECOVERABLE: ReadonlySet<unknown> = new Set(['UnrecoverableError'])

/** By this alone BullMQ knows its RateLimitError. */
const RATE_LIMITED = 'bullmq:rateLimitExceeded'

/**
 * Whether BullMQ runs a job again after an error: as its `Worker.handleFailed` and `Job.shouldRetryJob` decide.
 *
 * What the worker's options say besides (a backoff strategy that gives -1, `maxStartedAttempts`) cannot be known here.
 */
export function willRetry(job: RetriedJob, error: unknown): boolean {
  // It trips over an error that is nothing, and leaves the job as it is: that stalls.
  if (error === undefined || error === null) return true
  if (isOne(error, MOVED) || (isObject(error) && error.message === RATE_LIMITED)) return true
  const { attemptsMade = 0, opts } = job
  // By `job.discard()` of BullMQ 5, whose types keep to themselves what that does.
  const discarded = Reflect.get(job, 'discarded') === true
  return attemptsMade + 1 < (opts?.attempts ?? 0) && !discarded && !isOne(error, UNRECOVERABLE)
}

/**
 * Whether an error is of one of BullMQ's classes, which a program may have loaded twice: by its name, or by that of a
 * class above its own, since BullMQ asks `instanceof`, too, and gives each error the name of its class.
 */
function isOne(error: unknown, names: ReadonlySet<unknown>): boolean {
  if (!isObject(error)) return false
  if (names.has(error.name)) return true
  if (!Object.hasOwn(error, 'name')) return false
  for (let above: unknown = error; isObject(above); above = Object.getPrototypeOf(above)) {
    if (typeof above.constructor === 'function' && names.has(above.constructor.name)) return true
  }
  return false
}

function isObject(
  value: unknown,
): value is { readonly name?: unknown; readonly message?: unknown; readonly constructor?: unknown } {
  return typeof value === 'object' && value !== null
}
