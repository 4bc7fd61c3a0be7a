import { setDue } from '../tracking/due-time.ts'
import { isThenable } from '../tracking/promises.ts'
import { accepts, dispatchOrNote, implySteps } from '../tracking/signals.ts'
import type { Entry } from '../tracking/handler-start.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** How a request gets to its handler: who authenticates its caller, and who reports that the work has started. */
export interface EntryOptions<Source> extends Entry {
  /**
   * How long requests are meant to last, such as `'2h'` or milliseconds, or a function that returns it: event streams,
   * long polls. Until then they are not stuck.
   */
  readonly expect?: string | number | ((source: Source) => string | number | undefined)
  /**
   * Resolves to the principal. If it rejects, throws or returns `false`, the caller is refused with a 401, or over gRPC
   * with UNAUTHENTICATED. Without it, AUTH_OK is implied.
   */
  readonly authenticate?: (source: Source) => unknown
}

/** The principal that an `authenticate` function resolves to, for `currentRequest<PrincipalOf<typeof authenticate>>()`. */
export type PrincipalOf<Authenticate extends (...args: never[]) => unknown> = Exclude<
  Awaited<ReturnType<Authenticate>>,
  false
>

/** What a host says about its way to the handler. */
export interface EntryHost {
  /** The status that is logged where the caller is refused: 401, or the host's own. */
  readonly refusal?: number
  /** The host runs hooks or guards before the handler, and calls {@link enterHandler} when they are done. */
  readonly hasPhase?: boolean
}

/**
 * Authenticates the caller of a request, which is the current request meanwhile, and records the result and, unless the
 * host does so later, that the handler starts.
 *
 * @returns whether the handler may run; a promise only if `authenticate` returned one, so that without it the handler
 *   runs in the same turn in which the request came in
 */
export function authenticate<Source>(
  request: TrackedRequest,
  source: Source,
  options: EntryOptions<Source>,
  { refusal = 401, hasPhase = false }: EntryHost = {},
): boolean | Promise<boolean> {
  const check = options.auth === 'manual' ? undefined : options.authenticate
  request.entry = options
  if (options.expect !== undefined) expectBy(request, source, options.expect)
  if (check === undefined) {
    if (!hasPhase && options.auth !== 'manual') implySteps(request, stepsToHandler(options))
    return true
  }
  const apply = (principal: unknown): boolean => {
    if (principal === false) return reject(request, refusal, undefined)
    // The client may have left meanwhile, which ended the request.
    if (request.ended) return false
    request.principal = principal
    dispatchOrNote(request, 'AUTH_OK', {})
    if (!hasPhase) implySteps(request, stepsToHandler(options))
    return true
  }
  return request.run(() => {
    let principal: unknown
    try {
      principal = check(source)
    } catch (reason) {
      return reject(request, refusal, reason)
    }
    // A fault of ours in `apply` must not look like a refusal.
    if (!isThenable(principal)) return apply(principal)
    return Promise.resolve(principal).then(apply, (reason: unknown) => reject(request, refusal, reason))
  })
}

function expectBy<Source>(
  request: TrackedRequest,
  source: Source,
  expected: NonNullable<EntryOptions<Source>['expect']>,
): void {
  const { errors } = request.core.settings
  const duration = typeof expected === 'function' ? errors.run(() => expected(source)) : expected
  if (duration !== undefined) setDue(request, duration)
}

/**
 * Records that the handler starts, after a phase of the host's own in which the caller may have been refused. The lines
 * so far are written before this returns.
 */
export function enterHandler(request: TrackedRequest, options: EntryOptions<never>): void {
  if (options.auth !== 'manual') implySteps(request, stepsToHandler(options), 'now')
  request.core.beforeHandler()
}

/**
 * Records that the application's own authentication has let a request pass, and continues in its context: what the
 * `authenticated()` middleware of frameworks without a phase before the handler does.
 *
 * @param principal is logged nowhere; an error that it throws is counted
 */
export function continueAuthenticated<R>(
  request: TrackedRequest | undefined,
  principal: () => unknown,
  next: () => R,
): R {
  if (request === undefined) return next()
  const { errors } = request.core.settings
  if (request.entry === 'by hand' || request.entry.auth !== 'manual') errors.report(new Error(NOT_MANUAL))
  else if (accepts(request, 'AUTH_OK')) request.authenticated(errors.run(principal))
  return request.run(next)
}

const NOT_MANUAL =
  "authenticated() has no effect without trackRequest({ auth: 'manual' }): the caller counts as known already"

const [BOTH, AUTH, PROCESS, NONE] = [['AUTH_OK', 'PROCESS'], ['AUTH_OK'], ['PROCESS'], []]

/** Implied rather than sent: a user's machine may have no authentication, or several ways to authenticate. */
function stepsToHandler({ authenticate: check, processing }: EntryOptions<never>): readonly string[] {
  if (check === undefined) return processing === 'manual' ? AUTH : BOTH
  return processing === 'manual' ? NONE : PROCESS
}

/** How a host continues after authentication. */
export interface AuthContinuation {
  /** Runs the handler, in the context of the request. */
  readonly serve: () => void
  /** Answers a caller who was refused. */
  readonly reject: () => void
  /** Receives errors that either of them throws asynchronously; nothing else would report them. */
  readonly onError: (error: unknown) => void
}

/** Authenticates the caller and then serves or refuses the request: for hosts that expect no promise. */
export function authenticateThen<Source>(
  request: TrackedRequest,
  source: Source,
  options: EntryOptions<Source>,
  { serve, reject, onError }: AuthContinuation,
  host?: EntryHost,
): void {
  const proceed = (allowed: boolean): void => {
    if (allowed) request.run(serve)
    else reject()
  }
  const allowed = authenticate(request, source, options, host)
  if (typeof allowed === 'boolean') proceed(allowed)
  else allowed.then(proceed).catch(onError)
}

function reject(request: TrackedRequest, status: number, error: unknown): false {
  if (!request.ended) dispatchOrNote(request, 'AUTH_ERROR', { outcome: 'denied', status, error })
  return false
}
