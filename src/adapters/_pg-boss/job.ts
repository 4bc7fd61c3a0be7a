import { opened } from './data.ts'
import type { Delivery, Expiry } from '../_deliveries.ts'

/** The members of a job that are read; the last two are there with `includeMetadata: true`. */
export interface JobLike {
  readonly name: string
  readonly data: unknown
  /** Typed as a number, and a string in fact: PostgreSQL's numeric. */
  readonly expireInSeconds?: number | string
  readonly retryCount?: number
  readonly retryLimit?: number
}

/** What a job says of its delivery; the handler is given a copy of it, with the data that the sender gave. */
export function deliveryOf<J extends JobLike>(job: J): Delivery & { readonly host: J } {
  const { data, carrier } = opened(job.data, job.name)
  const { name, retryCount = 0, retryLimit = Infinity } = job
  return { host: { ...job, data }, carrier, attempt: retryCount + 1, willRetry: retryCount < retryLimit, path: name }
}

/** Whether a job tells which attempt it is. */
export function hasMetadata({ retryCount, retryLimit }: JobLike): boolean {
  return retryCount !== undefined && retryLimit !== undefined
}

/** pg-boss waits for a batch as long as for its most patient job. */
export function expiryOf(jobs: readonly JobLike[]): Expiry | undefined {
  const seconds = Math.max(...jobs.map(({ expireInSeconds }) => Number(expireInSeconds)))
  if (!Number.isFinite(seconds)) return undefined
  return {
    afterMs: Math.max(1, seconds) * 1_000,
    error: new Error(`the handler took longer than expireInSeconds, ${String(seconds)}, allows`),
  }
}
