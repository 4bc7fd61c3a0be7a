import type { RequestAssessment } from '../history/assess.ts'
import type { StuckRequest } from '../record/stuck-request.ts'
import type { InvalidEntry } from './report.ts'

/**
 * What a verdict comes to at a moment: the request, if it has stayed in its state for longer than its limit.
 *
 * @param limit in milliseconds; `Infinity` where it may stay for ever
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

/** The lines of a request that no run of the machine writes. */
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
