import type { StuckRequest } from '../record/stuck-request.ts'
import { runWith } from './current-request.ts'
import type { StuckAfterMs } from './in-flight.ts'
import { stuckRequest } from './build-records.ts'
import type { TrackedRequest } from './tracked-request.ts'
import type { TrackerCore } from './tracker-core.ts'

/** What is watched for, with times in milliseconds. */
export interface WatchSettings {
  readonly every: number
  readonly limits: StuckAfterMs | undefined
  /** Told once of each stay that is too long. */
  readonly onStuck: ((stuck: StuckRequest) => void) | undefined
}

/**
 * Looks at the requests in flight again and again, and logs one `stuck` line for each stay that is too long.
 *
 * The timer keeps no process alive, and what `onStuck` throws is counted as a fault of tracking.
 *
 * @returns stops it
 */
export function watchStuck(core: TrackerCore, { every, limits, onStuck }: WatchSettings): () => void {
  const { service, elapsed, errors } = core.settings
  /** By request the `seq` of the stay that was told: in its next state it may overstay again. */
  const reportedSeq = new WeakMap<TrackedRequest, number>()
  const look = (): void => {
    const now = elapsed()
    for (const { request, limit } of core.inFlight.overdue(now, limits)) {
      if (reportedSeq.get(request) === request.seq) continue
      reportedSeq.set(request, request.seq)
      const stuck = stuckRequest(request, service, now, limit)
      request.reportStuck({ age_ms: stuck.age_ms, stuck_after_ms: stuck.stuck_after_ms })
      // One that throws must not keep the others from being told.
      errors.run(() => onStuck?.(stuck))
    }
  }
  // The timer must not hold the request in whose context it was started.
  const timer = runWith(undefined, () => setInterval(() => errors.run(look), every)).unref()
  return () => clearInterval(timer)
}
