import { parseDuration } from '../machine/duration.ts'
import type { CoreRequest, TrackerCore } from './tracker-core.ts'

/** A hundred years: a request that lasts for longer has no due time. */
const MAX_EXPECTED_MS = 100 * 365 * 86_400_000

/** The members of a request that say how long it is meant to last. */
interface DueTarget<Request extends CoreRequest<Request>> extends CoreRequest<Request> {
  readonly core: TrackerCore<Request>
  due: number | undefined
  dueTick: number | undefined
}

/**
 * Sets how long a request is meant to last, from now.
 *
 * @returns false for what is no duration, which is counted as a fault
 */
export function setDue<Request extends DueTarget<Request>>(request: Request, duration: string | number): boolean {
  const { core } = request
  const { errors, now, elapsed } = core.settings
  const ms = errors.run(() => parseDuration(duration))
  if (ms === undefined || ms > MAX_EXPECTED_MS) return false
  request.due = Math.round(now() + ms)
  request.dueTick = elapsed() + ms
  core.inFlight.onDue(request)
  return true
}
