import { currentRequest, runWith } from '../tracking/context.ts'
import { beginHandOff } from '../tracking/hand-off.ts'
import { trackerOf, type TrackerSource } from '../tracking/track-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { overlay, type Replacement } from './_overlay.ts'
import { canCarry, opened, withCarrier } from './_pg-boss-data.ts'
import { sendCarrying, workOn, type Delivery, type Expiry } from './_queue.ts'

/** The members of pg-boss that are touched. */
export interface PgBossLike {
  send(...args: never[]): unknown
  work(...args: never[]): unknown
}

/** The members of a job that are read; the last two are there with `includeMetadata: true`. */
export interface JobLike {
  readonly name: string
  readonly data: unknown
  /** Typed as a number, and a string in fact: PostgreSQL's numeric. */
  readonly expireInSeconds?: number | string
  readonly retryCount?: number
  readonly retryLimit?: number
}

const NO_METADATA = 'pg-boss delivers jobs without metadata, so attempts are unknown: work with { includeMetadata: true }'

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
export function trackRequest<J extends JobLike, R>(handler: (jobs: J[]) => R, options: TrackerSource): (jobs: J[]) => Promise<Awaited<R>> {
  const tracker = trackerOf(options)
  let told = false
  const handle = (delivered: J[]): Promise<Awaited<R>> => {
    const deliveries = delivered.map(deliveryOf)
    if (!told && !delivered.every(hasMetadata)) {
      told = true
      tracker.core.settings.faults.report(new Error(NO_METADATA))
    }
    return workOn(tracker, deliveries, () => handler(deliveries.map(({ host }) => host)), expiryOf(delivered))
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
export function propagate<T extends PgBossLike>(boss: T): T {
  return overlay(boss, METHODS)
}

const send: Replacement = (original) => (first, ...args) => {
  const request = currentRequest()
  if (request === undefined) return original(first, ...args)
  if (!isRecord(first)) return carry(request, { name: first, data: args[0], options: args[1] }, (data) => original(first, data, ...args.slice(1)))
  return carry(request, first, (data) => original({ ...first, data }, ...args))
}

const METHODS: Readonly<Record<string, Replacement>> = {
  send,
  sendAfter: send,
  sendThrottled: send,
  sendDebounced: send,
  insert: (insert) => (jobs, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !Array.isArray(jobs) || jobs.length === 0) return insert(jobs, ...rest)
    const insertCarrying = (headers: Record<string, string>): unknown => insert(jobs.map((job: unknown) => carrying(job, headers)), ...rest)
    return sendCarrying(beginHandOff(request, 'child'), insertCarrying, () => true)
  },
  publish: (publish) => (event, data, ...rest) => {
    const request = currentRequest()
    if (request === undefined || !canCarry(data)) return publish(event, data, ...rest)
    return sendCarrying(beginHandOff(request, 'child'), (headers) => publish(event, withCarrier(data, headers), ...rest), () => true)
  },
  work: (work) => (name, ...args) => {
    const handler = args.at(-1)
    const asked = args.length > 1 && isRecord(args[0]) ? args[0] : {}
    const given = typeof handler === 'function' && tracked.has(handler) ? [{ includeMetadata: true, ...asked }, handler] : args
    // The loop that fetches jobs lives on: it must not keep the request in hand that happened to start it.
    return runWith(undefined, () => work(name, ...given))
  },
  start: (start, overlaid) => async (...args) => {
    await start(...args)
    return overlaid
  },
}

/** Sends one job; an answer without an id says that the queue took none (throttled, or there is no such queue). */
function carry(request: TrackedRequest, job: Readonly<Record<string, unknown>>, original: (data: unknown) => unknown): unknown {
  const { data } = job
  if (!canCarry(data)) return original(data)
  const transacted = isRecord(job.options) && job.options.db !== undefined
  const handOff = beginHandOff(request, transacted ? 'child' : undefined)
  return sendCarrying(handOff, (headers) => original(withCarrier(data, headers, job.name)), (id) => typeof id === 'string')
}

function carrying(job: unknown, headers: Record<string, string>): unknown {
  return isRecord(job) && canCarry(job.data) ? { ...job, data: withCarrier(job.data, headers) } : job
}

/** What a job says of its delivery; the handler is given a copy of it, with the data that the sender gave. */
function deliveryOf<J extends JobLike>(job: J): Delivery & { readonly host: J } {
  const { data, carrier } = opened(job.data, job.name)
  const { name, retryCount = 0, retryLimit = Infinity } = job
  return { host: { ...job, data }, carrier, attempt: retryCount + 1, willRetry: retryCount < retryLimit, path: name }
}

function hasMetadata({ retryCount, retryLimit }: JobLike): boolean {
  return retryCount !== undefined && retryLimit !== undefined
}

/** pg-boss waits for a batch as long as for its most patient job. */
function expiryOf(jobs: readonly JobLike[]): Expiry | undefined {
  const seconds = Math.max(...jobs.map(({ expireInSeconds }) => Number(expireInSeconds)))
  if (!Number.isFinite(seconds)) return undefined
  return { afterMs: Math.max(1, seconds) * 1_000, error: new Error(`the handler took longer than expireInSeconds, ${String(seconds)}, allows`) }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
