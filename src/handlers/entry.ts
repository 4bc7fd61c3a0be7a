import { setDue } from '../tracking/due-time.ts'
import { isThenable } from '../tracking/promises.ts'
import { accepts, dispatchOrNote, implySteps } from '../tracking/signals.ts'
import { NO_ENTRY_OPTIONS, type Entry } from '../tracking/handler-start.ts'
import type { RequestCore } from '../tracking/intake.ts'
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
 * An error of ours is reported, and changes nothing: the user's check alone decides whether the handler may run.
 *
 * @param request undefined if tracking failed; one that has passed a wrapper or a middleware around this one is only
 *   checked
 * @returns whether the handler may run; a promise only if `authenticate` returned one, so that without it the handler
 *   runs in the same turn in which the request came in
 */
export function authenticate<Source>(
  core: RequestCore,
  request: TrackedRequest | undefined,
  source: Source,
  options: EntryOptions<Source>,
  { refusal = 401, hasPhase = false }: EntryHost = {},
): boolean | Promise<boolean> {
  const { errors } = core.settings
  const check = options.auth === 'manual' ? undefined : options.authenticate
  const isSecond = request !== undefined && request.entry !== NO_ENTRY_OPTIONS
  if (request !== undefined && !isSecond) errors.run(() => prepare(request, source, options, hasPhase))
  if (check === undefined) return true
  const apply = (principal: unknown): boolean => {
    if (principal === false) return refuse(undefined)
    if (request === undefined) return true
    // The client may have left meanwhile, which ended the request.
    if (request.ended) return false
    request.principal = principal
    errors.run(() => {
      if (!isSecond || accepts(request, 'AUTH_OK')) dispatchOrNote(request, 'AUTH_OK', {})
      if (!isSecond && !hasPhase && options.processing !== 'manual') implySteps(request, PROCESS)
    })
    return true
  }
  const refuse = (error: unknown): false => {
    if (request !== undefined && !request.ended)
      errors.run(() => dispatchOrNote(request, 'AUTH_ERROR', { outcome: 'denied', status: refusal, error }))
    return false
  }
  const decide = (): boolean | Promise<boolean> => {
    try {
      const principal = check(source)
      return isThenable(principal) ? Promise.resolve(principal).then(apply, refuse) : apply(principal)
    } catch (reason) {
      return refuse(reason)
    }
  }
  return runFor(request, decide)
}

/** Runs a part in the context of a request, or without one if its tracking failed. */
export function runFor<T>(request: TrackedRequest | undefined, part: () => T): T {
  return request === undefined ? part() : request.run(part)
}

/** Records what is known before the caller is: how long the request may last, and that no caller has to be checked. */
function prepare<Source>(
  request: TrackedRequest,
  source: Source,
  options: EntryOptions<Source>,
  hasPhase: boolean,
): void {
  request.entry = options
  const { expect: expected, auth, authenticate: check } = options
  const duration = typeof expected === 'function' ? request.core.settings.errors.run(() => expected(source)) : expected
  if (duration !== undefined) setDue(request, duration)
  if (auth !== 'manual' && check === undefined && !hasPhase) implySteps(request, stepsToHandler(options))
}

/**
 * Records that the handler starts, after a phase of the host's own in which the caller may have been refused. The lines
 * so far are written before this returns.
 */
export function enterHandler(request: TrackedRequest): void {
  const { core, entry } = request
  core.settings.errors.run(() => {
    if (entry !== 'by hand' && entry.auth !== 'manual') implySteps(request, stepsToHandler(entry), 'now')
    core.beforeHandler()
  })
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
  errors.run(() => {
    if (request.entry === 'by hand' || request.entry.auth !== 'manual') errors.report(new Error(NOT_MANUAL))
    else if (accepts(request, 'AUTH_OK')) request.authenticated(errors.run(principal))
  })
  return request.run(next)
}

const NOT_MANUAL =
  "authenticated() has no effect without trackRequest({ auth: 'manual' }): the caller counts as known already"

const [BOTH, AUTH, PROCESS] = [['AUTH_OK', 'PROCESS'], ['AUTH_OK'], ['PROCESS']]

/** Implied rather than sent: a user's machine may have no authentication, or several ways to authenticate. */
function stepsToHandler({ processing }: Entry): readonly string[] {
  return processing === 'manual' ? AUTH : BOTH
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
  core: RequestCore,
  request: TrackedRequest | undefined,
  source: Source,
  options: EntryOptions<Source>,
  { serve, reject, onError }: AuthContinuation,
  host?: EntryHost,
): void {
  const proceed = (allowed: boolean): void => {
    if (allowed) runFor(request, serve)
    else reject()
  }
  const allowed = authenticate(core, request, source, options, host)
  if (typeof allowed === 'boolean') proceed(allowed)
  else allowed.then(proceed).catch(onError)
}
