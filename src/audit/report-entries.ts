import { countsFrom, type Position, type RequestAssessment } from '../history/assess.ts'
import type { RequestHistory } from '../history/history.ts'
import type { InvalidEntry, StuckEntry } from './report.ts'

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
): StuckEntry | undefined {
  if (ended || now - countsFrom(position) <= limit) return undefined
  const { state, since, service, due } = position
  const ids = { trace_id: history.traceId, request_id: history.requestId }
  return {
    ...ids,
    ...{ service, state, since, age_ms: now - since, stuck_after_ms: limit, attempts, last_error: lastError },
    cause: causeOf(history, position),
    ...(due === undefined ? {} : { due }),
  }
}

/**
 * Why a request did not move on, as far as its own lines show: `'shutdown'` if the process that had it noted that it
 * shut down, and nobody has taken it up since.
 */
function causeOf({ notes }: RequestHistory, { since }: Position): StuckEntry['cause'] {
  const last = notes.findLast(({ record: { event, time } }) => time >= since && isOfProcess(event))
  return last?.record.event === 'SHUTDOWN' ? 'shutdown' : null
}

/** Whether a note says that a process has a request, or no longer. */
function isOfProcess(event: string): boolean {
  return event === 'SHUTDOWN' || event === 'ATTEMPT'
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
