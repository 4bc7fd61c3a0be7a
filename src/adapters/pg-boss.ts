import { runWith } from '../tracking/storage.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { processBatch } from './_deliveries.ts'
import { isObject } from './_objects.ts'
import { deliveryOf, expiryOf, hasMetadata, type JobLike } from './_pg-boss/job.ts'
import { endsOf } from './_pg-boss/job-results.ts'
import { producerMethods } from './_pg-boss/producer-methods.ts'
import { checkSendOptions, type SendOptions } from './_send-options.ts'
import { unsupportedHost } from './_unsupported-host.ts'
import { isFunction, wrapMethods, type MethodWrapper } from './_wrap-methods.ts'

export type { JobLike } from './_pg-boss/job.ts'

/** The members of pg-boss that are used. */
export interface PgBossLike {
  send(...args: never[]): unknown
  work(...args: never[]): unknown
}

const NO_METADATA =
  'pg-boss delivers jobs without metadata, so attempts are unknown: work with { includeMetadata: true }'

/** The handlers that {@link trackRequest} has returned. */
const trackedHandlers = new WeakSet()

/**
 * Wraps a worker's handler: each job resumes the request that it carries, or starts one.
 *
 * A failed attempt that is not the last is recorded as a retry. The last one completes its request with outcome
 * `error`; so does a handler that runs longer than `expireInSeconds`, after which pg-boss fails its jobs. pg-boss
 * completes or fails a batch as a whole, and so the requests of its jobs end alike, unless the handler returns a result
 * for each job (`perJobResults`, from version 12 on); `currentRequest(job)` finds each.
 *
 * The jobs must have metadata, which says which attempt it is: pass `includeMetadata: true`, or use
 * `propagate(boss).work`, which does. Without metadata every delivery counts as the first, and every failure as one
 * with a retry to come: a failed request then shows as stuck. The reverse, a hanging request that shows as ended, would
 * go unnoticed.
 *
 * @example boss.work('orders', { includeMetadata: true }, trackRequest(async ([job]) => …, { service: 'worker' }))
 */
export function trackRequest<J extends JobLike, Rest extends unknown[], R>(
  handler: (jobs: J[], ...rest: Rest) => R,
  options: TrackerSource,
): (jobs: J[], ...rest: Rest) => Promise<Awaited<R>> {
  const core = coreOf(options)
  let reported = false
  const handle = (delivered: J[], ...rest: Rest): Promise<Awaited<R>> => {
    // Before version 10 the handler gets one job.
    if (!Array.isArray(delivered)) throw unsupportedHost('pg-boss', 'pg-boss 10')
    const deliveries = delivered.map(deliveryOf)
    if (!reported && !delivered.every(hasMetadata)) {
      reported = true
      core.settings.errors.report(new Error(NO_METADATA))
    }
    const jobs = deliveries.map(({ host }) => host)
    // A transactional worker's second argument is its transaction.
    const work = (): R => handler(jobs, ...rest)
    return processBatch(core, deliveries, work, expiryOf(delivered), (result) => endsOf(delivered, result))
  }
  trackedHandlers.add(handle)
  return handle
}

/**
 * Wraps a pg-boss instance: its jobs carry the trace of the current request, which is Queued once pg-boss has stored
 * the first of them.
 *
 * pg-boss has no headers: the carrier is in the job's data under the key `__throughline`, which a handler of
 * {@link trackRequest} does not see. Unchanged are jobs whose data is neither an object nor absent, jobs sent outside a
 * request, and the repeated jobs of `schedule`.
 *
 * `insert`, `flow`, `publish` and a send within the caller's transaction (`options.db`) do not report whether a job was
 * kept: these jobs have the request as their parent, and do not hand it off. Neither does `upsert`: a later one may replace
 * the data of the job, and with it the carrier, as `update` does.
 *
 * @example const boss = propagate(new PgBoss(url))
 */
export function propagate<T extends PgBossLike>(boss: T, options: SendOptions = {}): T {
  checkSendOptions(options)
  return wrapMethods(boss, { ...producerMethods(options), work, start })
}

const work: MethodWrapper =
  (original) =>
  (name, ...args) => {
    const handler = args.at(-1)
    const options = args.length > 1 && isObject(args[0]) ? args[0] : {}
    const withMetadata =
      isFunction(handler) && trackedHandlers.has(handler) ? [{ includeMetadata: true, ...options }, handler] : args
    // The loop that fetches jobs must not keep the request in whose context it was started.
    return runWith(undefined, () => original(name, ...withMetadata))
  }

const start: MethodWrapper =
  (original, wrapped) =>
  async (...args) => {
    await original(...args)
    return wrapped
  }
