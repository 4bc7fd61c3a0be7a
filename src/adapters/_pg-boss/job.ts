import { splitData } from './data.ts'
import type { Delivery, Expiry } from '../_deliveries.ts'

/** The members of a job that are read; those of retries are present with `includeMetadata: true`. */
export interface JobLike {
  readonly id: string
  readonly name: string
  readonly data: unknown
  /** Typed as a number, but a string at run time: PostgreSQL's numeric. */
  readonly expireInSeconds?: number | string
  readonly retryCount?: number
  readonly retryLimit?: number
  /** In seconds. */
  readonly retryDelay?: number
  readonly retryBackoff?: boolean
  /** The time before which the job was not delivered. */
  readonly startAfter?: Date
}

/** The delivery of a job. Its `host`, the handler's argument, is a copy of the job with the sender's data. */
export function deliveryOf<J extends JobLike>(job: J): Delivery & { readonly host: J } {
  const { data, carrier } = splitData(job.data, job.name)
  const { name, retryCount = 0, retryLimit = Infinity } = job
  return {
    host: { ...job, data },
    carrier,
    attempt: retryCount + 1,
    willRetry: retryCount < retryLimit,
    // A database client of the user's may return another type.
    due: job.startAfter instanceof Date ? job.startAfter.getTime() : undefined,
    retryDelayMs: () => retryDelayMs(job),
    path: name,
  }
}

/** For how long pg-boss holds a retry back; with backoff, the longest, since it is random from half of that. */
function retryDelayMs({ retryCount = 0, retryDelay = 0, retryBackoff }: JobLike): number {
  return retryDelay * 1_000 * (retryBackoff === true ? 2 ** Math.min(16, retryCount + 1) : 1)
}

/** Whether a job says which attempt it is. */
export function hasMetadata({ retryCount, retryLimit }: JobLike): boolean {
  return retryCount !== undefined && retryLimit !== undefined
}

/** The expiry of a batch: pg-boss waits for as long as its job with the longest expiry allows. */
export function expiryOf(jobs: readonly JobLike[]): Expiry | undefined {
  const seconds = Math.max(...jobs.map(({ expireInSeconds }) => Number(expireInSeconds)))
  if (!Number.isFinite(seconds)) return undefined
  return {
    afterMs: Math.max(1, seconds) * 1_000,
    error: new Error(`the handler took longer than expireInSeconds (${seconds})`),
  }
}
