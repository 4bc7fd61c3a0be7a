import { ThroughlineError } from '../errors.ts'
import type { RequestCore } from '../tracking/intake.ts'
import type { TrackerOptions } from '../tracking/settings.ts'
import { Tracker } from './tracker.ts'
import { wrapHandler, type AnyHandlerOptions, type TrackRequest } from './wrap-handler.ts'

/** The options of a new tracker, or `{ tracker }` to share one. */
export type TrackerSource = TrackerOptions | { readonly tracker: Tracker }

/** The tracker that options name, or a new one with these options. */
export function trackerOf(source: TrackerSource): Tracker {
  if (!isObject(source)) throw missingOptions()
  return 'tracker' in source ? source.tracker : new Tracker(source)
}

/** The core of {@link trackerOf}'s tracker: what handlers and adapters work with. */
export function coreOf(source: TrackerSource): RequestCore {
  return trackerOf(source).core
}

/**
 * Creates a tracker, to share between the wrappers of one service and to ask what is in flight.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, naming the option and the fix
 * @throws ThroughlineError THROUGHLINE_MACHINE_UNSUPPORTED for a machine that a log cannot be checked against
 * @example const tracker = createTracker({ service: 'gateway' })
 */
export function createTracker(options: TrackerOptions): Tracker {
  if (!isObject(options)) throw missingOptions()
  return new Tracker(options)
}

/**
 * Wraps a handler: every call is a request with an id, a state, and one log line per transition.
 *
 * With a `carrier` option any function is wrapped as a worker's. Otherwise the arguments of each call decide what it
 * is: `(req, res)` of node:http, a fetch `Request`, or a plain call, which starts a request of its own.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example http.createServer(trackRequest(handler, { service: 'gateway', authenticate }))
 * @example const work = trackRequest(handle, { service: 'worker', carrier: (job) => job.headers })
 */
// One implementation serves all overloads, which TypeScript cannot express without a cast.
export const trackRequest = ((handler: unknown, options: TrackerSource & AnyHandlerOptions) =>
  wrapHandler(coreOf(options), handler, options)) as TrackRequest<TrackerSource>

// A program in JavaScript may leave the options out.
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function missingOptions(): ThroughlineError {
  return new ThroughlineError(
    'THROUGHLINE_BAD_OPTION',
    "options are missing: give at least { service: 'gateway' }, or { tracker }. The middleware of a framework has a " +
      'subpath of its own, such as throughline/express',
  )
}
