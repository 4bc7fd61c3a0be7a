import type { Carrier } from '../trace/carrier.ts'
import { attachRequest } from '../tracking/current-request.ts'
import type { RequestEnd } from '../tracking/finish-request.ts'
import { acceptDelivery, type RequestCore, type ResumeOptions } from '../tracking/intake.ts'
import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { OptionNames } from '../tracking/options.ts'
import { authenticate } from './entry.ts'
import { isIgnored, ownFields, ownPath } from './request-options.ts'

/**
 * What the wrapper of a plain function takes besides the tracker's options; each callback gets the function's
 * arguments.
 */
export interface WorkOptions<Args extends unknown[]> {
  /** Returns the message's headers: a request that they hand off is resumed, else a new one starts. */
  readonly carrier?: (...args: Args) => Carrier
  /** Which delivery of the message this is: 1, 2 … By default 1. */
  readonly attempt?: (...args: Args) => number | undefined
  /** Whether the queue will deliver the message again after this error. By default it will not. */
  readonly willRetry?: (error: unknown, ...args: Args) => boolean
  /** What is logged as `path`: the name of the job or of the queue. */
  readonly path?: string | ((...args: Args) => string)
  /**
   * Whether a call leaves no line and is not counted, as for heartbeats. Not if it resumes a request, which has lines
   * already. If it throws, the call is logged.
   */
  readonly ignore?: (...args: Args) => boolean
  /** Returns the application's own fields, logged under `data` on the first line of the call. */
  readonly fields?: (...args: Args) => object
}

/** The names of {@link WorkOptions}. */
export const WORK_OPTIONS: OptionNames<WorkOptions<never>> = {
  carrier: true,
  attempt: true,
  willRetry: true,
  path: true,
  ignore: true,
  fields: true,
}

/**
 * Tracks one call of a function: resumes the request that its carrier hands off, or starts one.
 *
 * The call returns or throws what the function does.
 */
export function handleWork<Args extends unknown[], R>(
  core: RequestCore,
  work: (...args: Args) => R,
  options: WorkOptions<Args>,
  args: Args,
): R {
  const { errors } = core.settings
  const request = errors.run(() => startCall(core, options, args))
  if (request === undefined) return work(...args)
  return runAndFinish(
    request,
    () => work(...args),
    (end) => {
      const willRetry = end.outcome === 'error' && errors.run(() => options.willRetry?.(end.error, ...args)) === true
      request.finishDelivery(end, willRetry)
    },
  )
}

/**
 * Runs work in the context of a request, and reports its end.
 *
 * The call returns or throws what the work does, at the same time: some hosts use callbacks and expect no promise.
 */
export function runAndFinish<R>(
  request: Pick<TrackedRequest, 'run'>,
  work: () => R,
  finish: (end: RequestEnd) => void,
): R {
  const fail = (error: unknown): never => {
    finish({ outcome: 'error', error })
    throw error
  }
  return request.run(() => {
    let result: R
    try {
      result = work()
    } catch (error) {
      return fail(error)
    }
    if (!isThenable(result)) {
      finish({ outcome: 'ok' })
      return result
    }
    // A promise that settles with the same value: R stays what it was.
    return result.then((value) => {
      finish({ outcome: 'ok' })
      return value
    }, fail) as R
  })
}

function startCall<Args extends unknown[]>(core: RequestCore, options: WorkOptions<Args>, args: Args): TrackedRequest {
  const { errors } = core.settings
  const { path, ignore, fields } = options
  const pathText = typeof path === 'function' ? ownPath(core, () => path(...args)) : path
  const carrier = errors.run(() => options.carrier?.(...args))
  const attempt = errors.run(() => options.attempt?.(...args))
  const data = fields === undefined ? undefined : ownFields(core, () => fields(...args))
  const starting = ignore !== undefined && isIgnored(core, () => ignore(...args)) ? core.ignoring : core
  return acceptMessage(core, args[0], carrier, { path: pathText, attempt, data }, starting)
}

/**
 * Resumes the request that a message hands off, or starts one, and attaches it to its host's object.
 *
 * AUTH_OK is implied for a request that starts here: the queue has authenticated the sender.
 *
 * @param starting the core of a request that starts here
 */
export function acceptMessage(
  core: RequestCore,
  host: unknown,
  carrier: Carrier,
  delivery: Omit<ResumeOptions, 'source'>,
  starting = core,
): TrackedRequest {
  const request = acceptDelivery(core, carrier, { ...delivery, source: host }, starting)
  if (typeof host === 'object' && host !== null) attachRequest(host, request)
  if (request.attempt === undefined) void authenticate(core, request, undefined, {})
  return request
}
