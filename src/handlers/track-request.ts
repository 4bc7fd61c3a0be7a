import type { RequestCore } from '../tracking/intake.ts'
import { badOption, badOptions, checkNames } from '../tracking/options.ts'
import { TRACKER_OPTIONS, type TrackerOptions } from '../tracking/settings.ts'
import { checkHandlerOptions, HANDLER_OPTIONS } from './handler-options.ts'
import { Tracker } from './tracker.ts'
import { ALL_HANDLER_OPTIONS, wrapHandler, type AnyHandlerOptions, type TrackRequest } from './wrap-handler.ts'
import { missingOptions, noHandler } from './wrong-import.ts'

/** The options of a new tracker, or `{ tracker }` to share one. */
export type TrackerSource = TrackerOptions | { readonly tracker: Tracker }

type Names = Readonly<Record<string, true>>

/**
 * The tracker that options name, or a new one with these options.
 *
 * @param kinds the names of the options that are allowed besides the tracker's
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for options that do not exist, or cannot be used together
 */
export function trackerOf(source: TrackerSource, ...kinds: readonly Names[]): Tracker {
  if (!isObject(source)) throw missingOptions()
  checkNames(source, 'trackRequest()', [TRACKER_OPTIONS, TRACKER, ...kinds])
  checkHandlerOptions(source)
  if (!('tracker' in source)) return new Tracker(source)
  const { tracker } = source
  if (!isTracker(tracker)) throw badOption('tracker', 'a tracker, as createTracker() returns it')
  for (const name of Object.keys(source))
    if (Object.hasOwn(TRACKER_OPTIONS, name))
      throw badOptions(`option "${name}" has no effect with "tracker", which has its own: give it to createTracker()`)
  return tracker
}

const TRACKER: Names = { tracker: true }

/** The core of {@link trackerOf}'s tracker: what handlers and adapters work with. */
export function coreOf(source: TrackerSource, ...kinds: readonly Names[]): RequestCore {
  return trackerOf(source, ...kinds).core
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
  const elsewhere = { names: [HANDLER_OPTIONS, ALL_HANDLER_OPTIONS], of: 'trackRequest()' }
  checkNames(options, 'createTracker()', [TRACKER_OPTIONS], elsewhere)
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
export const trackRequest = ((handler: unknown, options: TrackerSource & AnyHandlerOptions) => {
  if (typeof handler !== 'function') throw noHandler(handler)
  return wrapHandler(coreOf(options, ALL_HANDLER_OPTIONS), handler, options)
}) as TrackRequest<TrackerSource>

// A program in JavaScript may leave the options out, or pass anything.
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Another copy of this package has another class. */
function isTracker(value: unknown): value is Tracker {
  return isObject(value) && 'core' in value
}
