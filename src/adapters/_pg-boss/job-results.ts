import type { BatchEnds, DeliveryEnd } from '../_deliveries.ts'
import { isObject } from '../_objects.ts'
import type { JobLike } from './job.ts'

/** What a handler says of one job of its batch. */
interface JobResultLike {
  readonly id: unknown
  readonly status: unknown
  readonly output?: unknown
}

/**
 * How each job of a batch ended. With `perJobResults` (from version 12 on) the handler returns that, and a job without a
 * result has failed; only the result shows whether it does. With any other result all jobs have completed.
 */
export function endsOf(jobs: readonly JobLike[], result: unknown): BatchEnds | undefined {
  const ids = new Set<unknown>(jobs.map(({ id }) => id))
  const items: readonly unknown[] = Array.isArray(result) ? result : []
  const results = items.filter(
    (item): item is JobResultLike & object => isObject(item) && ids.has(item.id) && STATUSES.has(item.status),
  )
  if (results.length === 0) return undefined
  // Of several results of a job the last counts.
  const byId = new Map(results.map((item) => [item.id, item]))
  return (at) => endOf(byId.get(jobs[at]?.id))
}

const STATUSES: ReadonlySet<unknown> = new Set(['completed', 'failed', 'deadletter'])

function endOf(result: JobResultLike | undefined): DeliveryEnd {
  if (result?.status === 'completed') return { end: { outcome: 'ok' } }
  const error = result?.output ?? new Error(result === undefined ? 'the handler returned no result' : 'the job failed')
  // A dead letter is not delivered again.
  return { end: { outcome: 'error', error }, ...(result?.status === 'deadletter' ? { willRetry: false } : {}) }
}
