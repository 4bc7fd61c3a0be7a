import { parseFiniteDuration } from '../machine/duration.ts'
import type { CoreRequest, TrackerCore } from './tracker-core.ts'

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
  const ms = errors.run(() => parseFiniteDuration(duration))
  if (ms === undefined) return false
  request.due = Math.round(now() + ms)
  request.dueTick = elapsed() + ms
  core.inFlight.onDue(request)
  return true
}
