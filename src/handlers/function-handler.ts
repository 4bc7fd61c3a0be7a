import type { Carrier } from '../trace/carrier.ts'
import { authenticate } from './authenticate.ts'
import { attachRequest } from '../tracking/current-request.ts'
import { endWithMessage, type RequestEnd } from '../tracking/finish-request.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { ResumeOptions, Tracker } from './tracker.ts'

/** What the wrapper of a plain function takes besides the tracker's options; each is given the function's arguments. */
export interface WorkOptions<Args extends unknown[]> {
  /** Where the message's headers are: a request that they hand over is resumed, else one starts. */
  readonly carrier?: (...args: Args) => Carrier
  /** Which delivery of the message this is: 1, 2 … By default 1. */
  readonly attempt?: (...args: Args) => number | undefined
  /** Whether the queue will deliver the message again after this error. By default it will not. */
  readonly willRetry?: (error: unknown, ...args: Args) => boolean
  /** What is logged as `path`: the name of the job or of the queue. */
  readonly path?: string | ((...args: Args) => string)
}

/**
 * Tracks one call of a function: resumes the request that its carrier hands over, or starts one.
 *
 * The call returns or throws just as the function does.
 */
export function handleWork<Args extends unknown[], R>(
  tracker: Tracker,
  work: (...args: Args) => R,
  options: WorkOptions<Args>,
  args: Args,
): R {
  const request = startCall(tracker, options, args)
  const { table, errors } = tracker.core.settings
  const end = (how: RequestEnd): void => {
    const willRetry = how.outcome === 'error' && errors.run(() => options.willRetry?.(how.error, ...args)) === true
    endWithMessage(request, table, how, willRetry)
  }
  return runAndFinish(request, () => work(...args), end)
}

/**
 * Runs work in its request, and tells how it ended once it is over.
 *
 * The call gives or throws what the work does, and just when it does: some hosts call back and want no promise.
 */
export function runAndFinish<R>(
  request: Pick<TrackedRequest, 'run'>,
  work: () => R,
  end: (how: RequestEnd) => void,
): R {
  const failed = (error: unknown): never => {
    end({ outcome: 'error', error })
    throw error
  }
  return request.run(() => {
    let result: R
    try {
      result = work()
    } catch (error) {
      return failed(error)
    }
    if (!isThenable(result)) {
      end({ outcome: 'ok' })
      return result
    }
    // What comes back is a promise as before, which settles with the same value: R stays what it was.
    return result.then((value) => {
      end({ outcome: 'ok' })
      return value
    }, failed) as R
  })
}

function startCall<Args extends unknown[]>(tracker: Tracker, options: WorkOptions<Args>, args: Args): TrackedRequest {
  const { errors } = tracker.core.settings
  const { path } = options
  const named = typeof path === 'function' ? errors.run(() => path(...args)) : path
  const carrier = errors.run(() => options.carrier?.(...args))
  return acceptMessage(tracker, args[0], carrier, {
    path: named,
    attempt: errors.run(() => options.attempt?.(...args)),
  })
}

/**
 * Resumes the request that a message hands over, or starts one, and hangs it on its host's object.
 *
 * A request that starts here has a sender whom the queue has vouched for: its caller counts as known.
 */
export function acceptMessage(
  tracker: Tracker,
  host: unknown,
  carrier: Carrier,
  delivery: ResumeOptions,
): TrackedRequest {
  const request = tracker.acceptDelivery(carrier, delivery)
  if (typeof host === 'object' && host !== null) attachRequest(host, request)
  if (request.attempt === undefined) void authenticate(request, undefined, {})
  return request
}
