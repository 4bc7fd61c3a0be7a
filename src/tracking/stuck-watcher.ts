import type { StuckRequest } from '../record/stuck-request.ts'
import { runWith } from './current-request.ts'
import type { StuckLimits } from './in-flight.ts'
import { stuckRequest } from './build-records.ts'
import type { TrackedRequest } from './tracked-request.ts'
import type { TrackerCore } from './tracker-core.ts'

/** What is watched for, with times in milliseconds. */
export interface Watch {
  readonly every: number
  readonly limits: StuckLimits | undefined
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
export function watch(core: TrackerCore, { every, limits, onStuck }: Watch): () => void {
  const { service, elapsed, faults } = core.settings
  /** By request the `seq` of the stay that was told: in its next state it may overstay again. */
  const told = new WeakMap<TrackedRequest, number>()
  const look = (): void => {
    const now = elapsed()
    for (const { request, limit } of core.inFlight.overdue(now, limits)) {
      if (told.get(request) === request.seq) continue
      told.set(request, request.seq)
      const stuck = stuckRequest(request, service, now, limit)
      request.overstays({ age_ms: stuck.age_ms, stuck_after_ms: stuck.stuck_after_ms })
      // One that throws must not keep the others from being told.
      faults.guard(() => onStuck?.(stuck))
    }
  }
  // The timer must not hold the request in whose context it was started.
  const timer = runWith(undefined, () => setInterval(() => faults.guard(look), every)).unref()
  return () => clearInterval(timer)
}
