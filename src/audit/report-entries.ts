import type { RequestAssessment } from '../history/assess.ts'
import type { StuckRequest } from '../record/stuck-request.ts'
import type { InvalidEntry } from './report.ts'

/**
 * Builds the stuck entry for a request at a given time; undefined if it is not stuck.
 *
 * @param now in epoch milliseconds
 * @param limit in milliseconds; `Infinity` for no limit
 */
export function stuckEntry(
  { history, position, ended, attempts, lastError }: RequestAssessment,
  now: number,
  limit: number,
): StuckRequest | undefined {
  if (ended || now - position.since <= limit) return undefined
  const { state, since, service } = position
  const ids = { trace_id: history.traceId, request_id: history.requestId }
  return { ...ids, service, state, since, age_ms: now - since, stuck_after_ms: limit, attempts, last_error: lastError }
}

/** The entries for the lines of a request that no run of the machine writes. */
export function invalidEntries({ history, invalid }: RequestAssessment): InvalidEntry[] {
  return invalid.map(({ line: { record, file, line }, reason }) => ({
    trace_id: history.traceId,
    request_id: history.requestId,
    service: record.service,
    seq: record.seq,
    from: record.from ?? null,
    event: record.event ?? null,
    state: record.state,
    reason,
    file,
    line,
  }))
}
