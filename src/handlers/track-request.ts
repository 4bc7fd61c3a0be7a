import { Tracker } from './tracker.ts'
import type { TrackerOptions } from '../tracking/settings.ts'
import { wrapHandler, type AnyHandlerOptions, type TrackRequest } from './wrap-handler.ts'

/** Options of a tracker to be made, or `{ tracker }` to share one. */
export type TrackerSource = TrackerOptions | { readonly tracker: Tracker }

/** Gives the tracker that options name, or makes the one that they describe. */
export function trackerOf(source: TrackerSource): Tracker {
  return 'tracker' in source ? source.tracker : new Tracker(source)
}

/**
 * Makes a tracker, to share between the wrappers of one service and to ask what is in flight.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, naming the option and the mend
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED for a machine that no log could be checked against
 * @example const tracker = createTracker({ service: 'gateway' })
 */
export function createTracker(options: TrackerOptions): Tracker {
  return new Tracker(options)
}

/**
 * Wraps a handler: every call is a request with an id, a state, and one log line per transition.
 *
 * With a `carrier` option any function is wrapped as a worker's. Otherwise each call tells by its arguments
 * what it is: `(req, res)` of node:http, a fetch `Request`, or a plain call, which starts a request of its own.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example http.createServer(trackRequest(handler, { service: 'gateway', authenticate }))
 * @example const work = trackRequest(handle, { service: 'worker', carrier: (job) => job.headers })
 */
// One implementation serves all overloads, which TypeScript cannot see through.
export const trackRequest = ((handler: unknown, options: TrackerSource & AnyHandlerOptions) =>
  wrapHandler(trackerOf(options), handler, options)) as TrackRequest<TrackerSource>
