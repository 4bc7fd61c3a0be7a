import type { StuckRequest } from '../record/stuck-request.ts'
import { stuckRequest } from './build-records.ts'
import type { StuckAfterMs } from './in-flight.ts'
import type { RequestCore } from './intake.ts'
import { runWith } from './storage.ts'
import type { TrackedRequest } from './tracked-request.ts'

/** How often to check, against which limits; times in milliseconds. */
export interface WatchSettings {
  readonly every: number
  readonly limits: StuckAfterMs | undefined
  /** Called once per state visit that exceeds its limit. */
  readonly onStuck: ((stuck: StuckRequest) => void) | undefined
}

/**
 * Checks the requests in flight at intervals, and logs one `stuck` line per state visit that exceeds its limit.
 *
 * The timer does not keep the process alive. An error thrown by `onStuck` counts as a tracking error.
 *
 * @returns a function that stops it
 */
export function watchStuck(core: RequestCore, { every, limits, onStuck }: WatchSettings): () => void {
  const { service, elapsed, errors } = core.settings
  /** By request the `seq` of the state visit that was reported: the request may get stuck again in a later state. */
  const reportedSeq = new WeakMap<TrackedRequest, number>()
  const check = (): void => {
    const now = elapsed()
    for (const { request, limit } of core.inFlight.overdue(now, limits)) {
      if (reportedSeq.get(request) === request.seq) continue
      reportedSeq.set(request, request.seq)
      const stuck = stuckRequest(request, service, now, limit)
      logStuck(request, stuck)
      // A callback that throws must not keep the other requests from being reported.
      errors.run(() => onStuck?.(stuck))
    }
  }
  // The timer must not retain the request in whose context it was started.
  const timer = runWith(undefined, () => setInterval(() => errors.run(check), every)).unref()
  return () => clearInterval(timer)
}

/** Writes the line once, however many watchers there are. */
function logStuck(request: TrackedRequest, { age_ms, stuck_after_ms }: StuckRequest): void {
  if (request.stuckReported) return
  request.stuckReported = true
  request.emitNote('stuck', 'STUCK', { data: { age_ms, stuck_after_ms } })
}
