import { isThenable } from '../tracking/promises.ts'
import { dispatchImplied, dispatchOrNote } from '../tracking/signals.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** How the caller of a request is authenticated. */
export interface AuthOptions<Source> {
  /**
   * Resolves to the principal. If it rejects, throws or returns `false`, the caller is refused with a 401, or over gRPC
   * with UNAUTHENTICATED. Without it, AUTH_OK is implied.
   */
  readonly authenticate?: (source: Source) => unknown
  /** `'manual'`: the handler itself calls `request.authenticated()` or `request.failed(reason)`. */
  readonly auth?: 'manual'
}

/**
 * Authenticates the caller of a request, which is the current request meanwhile, and records the result.
 *
 * @param refusal the status that is logged where the caller is refused: 401, or the host's own
 * @returns whether the handler may run; a promise only if `authenticate` returned one, so that without it the handler
 *   runs in the same turn in which the request came in
 */
export function authenticate<Source>(
  request: TrackedRequest,
  source: Source,
  options: AuthOptions<Source>,
  refusal = 401,
): boolean | Promise<boolean> {
  if (options.auth === 'manual') return true
  const check = options.authenticate
  if (check === undefined) {
    // Implied rather than sent: a user's machine may have no authentication, or several ways to authenticate.
    dispatchImplied(request, 'AUTH_OK')
    return true
  }
  return request.run(() => {
    try {
      const principal = check(source)
      if (!isThenable(principal)) return applyDecision(request, principal, refusal)
      return Promise.resolve(principal).then(
        (resolved) => applyDecision(request, resolved, refusal),
        (reason: unknown) => reject(request, refusal, reason),
      )
    } catch (reason) {
      return reject(request, refusal, reason)
    }
  })
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
  options: AuthOptions<Source>,
  { serve, reject, onError }: AuthContinuation,
): void {
  const proceed = (allowed: boolean): void => {
    if (allowed) request.run(serve)
    else reject()
  }
  const allowed = authenticate(request, source, options)
  if (typeof allowed === 'boolean') proceed(allowed)
  else allowed.then(proceed).catch(onError)
}

function applyDecision(request: TrackedRequest, principal: unknown, refusal: number): boolean {
  if (principal === false) return reject(request, refusal, undefined)
  // The client may have left meanwhile, which ended the request.
  if (request.ended) return false
  request.principal = principal
  dispatchOrNote(request, 'AUTH_OK', {})
  return true
}

function reject(request: TrackedRequest, status: number, error: unknown): false {
  if (!request.ended) dispatchOrNote(request, 'AUTH_ERROR', { outcome: 'denied', status, error })
  return false
}
