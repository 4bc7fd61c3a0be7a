import { runWith } from '../tracking/storage.ts'
import { coreOf, type TrackerSource } from '../handlers/track-request.ts'
import { isRecord } from './_send.ts'
import { wrapMethods, type MethodWrapper } from './_wrap-methods.ts'
import { deliveryOf, expiryOf, hasMetadata, type JobLike } from './_pg-boss/job.ts'
import { producerMethods } from './_pg-boss/producer-methods.ts'
import { processBatch, type SendOptions } from './_deliveries.ts'

export type { JobLike } from './_pg-boss/job.ts'

/** The members of pg-boss that are touched. */
export interface PgBossLike {
  send(...args: never[]): unknown
  work(...args: never[]): unknown
}

const NO_METADATA =
  'pg-boss delivers jobs without metadata, so attempts are unknown: work with { includeMetadata: true }'

/** The handlers that {@link trackRequest} made. */
const tracked = new WeakSet()

/**
 * Wraps a worker's handler: each job resumes the request that it carries, or starts one.
 *
 * An attempt that fails while retries remain is noted; the last one completes its request with outcome `error`, as
 * does a handler that outlives `expireInSeconds`, when pg-boss gives its jobs up. pg-boss completes or fails a batch as
 * one: so do the requests of its jobs, and `currentRequest(job)` finds each.
 *
 * The handler must be given jobs with metadata, which alone tell the attempts: `includeMetadata: true`, or
 * `propagate(boss).work`, which asks for it. Without it every delivery counts as the first, and one that fails as to be
 * tried again: a request that is dead shows as stuck, and is looked at, where else one that hangs would show as ended.
 *
 * @example boss.work('orders', { includeMetadata: true }, trackRequest(async ([job]) => …, { service: 'worker' }))
 */
export function trackRequest<J extends JobLike, R>(
  handler: (jobs: J[]) => R,
  options: TrackerSource,
): (jobs: J[]) => Promise<Awaited<R>> {
  const core = coreOf(options)
  let told = false
  const handle = (delivered: J[]): Promise<Awaited<R>> => {
    const deliveries = delivered.map(deliveryOf)
    if (!told && !delivered.every(hasMetadata)) {
      told = true
      core.settings.errors.report(new Error(NO_METADATA))
    }
    return processBatch(core, deliveries, () => handler(deliveries.map(({ host }) => host)), expiryOf(delivered))
  }
  tracked.add(handle)
  return handle
}

/**
 * The same pg-boss, whose jobs carry the request in hand, which is Queued once the broker has the first of them.
 *
 * pg-boss has no headers: the carrier rides in the job's data under the key `__throughline`, which the handler of
 * {@link trackRequest} does not get to see. Data other than an object or nothing is sent as it is, and so is all
 * that is sent outside of a request, or by `schedule`, whose jobs come again and again.
 *
 * Nobody learns whether a job was kept by `insert`, by `publish`, or by a send within a transaction of the caller's
 * (`options.db`): these name the request as their parent and leave it where it is.
 *
 * @example const boss = propagate(new PgBoss(url))
 */
export function propagate<T extends PgBossLike>(boss: T, options: SendOptions = {}): T {
  return wrapMethods(boss, { ...producerMethods(options), ...METHODS })
}

const METHODS: Readonly<Record<string, MethodWrapper>> = {
  work:
    (work) =>
    (name, ...args) => {
      const handler = args.at(-1)
      const asked = args.length > 1 && isRecord(args[0]) ? args[0] : {}
      const given =
        typeof handler === 'function' && tracked.has(handler) ? [{ includeMetadata: true, ...asked }, handler] : args
      // The loop that fetches jobs lives on: it must not keep the request in hand that happened to start it.
      return runWith(undefined, () => work(name, ...given))
    },
  start:
    (start, overlaid) =>
    async (...args) => {
      await start(...args)
      return overlaid
    },
}
