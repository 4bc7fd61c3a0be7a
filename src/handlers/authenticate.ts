import { isThenable } from '../tracking/promises.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** How a request's caller is found out. */
export interface AuthOptions<Source> {
  /**
   * Resolves to the principal; rejects, throws or gives `false` where the caller is refused, who then gets a 401,
   * or over gRPC UNAUTHENTICATED.
   * Without it the caller is taken as known, with an implied AUTH_OK.
   */
  readonly authenticate?: (source: Source) => unknown
  /** `'manual'`: the handler itself calls `request.authenticated()` or `request.failed(reason)`. */
  readonly auth?: 'manual'
}

/**
 * Finds out who the caller is, and tells the request, which is in hand meanwhile.
 *
 * @param refusal the status that is logged where the caller is refused: 401, or the host's own
 * @returns whether the handler is to run; a promise only where `authenticate` gave one, so that a handler
 *   without it runs in the turn in which the request came in
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
    // A machine of the user's may know no authentication, or more than one way to it.
    request.dispatchImplied('AUTH_OK')
    return true
  }
  return request.run(() => {
    try {
      const principal = check(source)
      if (!isThenable(principal)) return applyDecision(request, principal, refusal)
      return Promise.resolve(principal).then(
        (resolved) => applyDecision(request, resolved, refusal),
        (reason: unknown) => refuse(request, refusal, reason),
      )
    } catch (reason) {
      return refuse(request, refusal, reason)
    }
  })
}

/**
 * Finds out who the caller is, and then has the request served, in hand, or refused: for hosts that wait for a call
 * and not for a promise.
 *
 * @param onError told what either of them throws after a promise, which nobody else would hear of
 */
export function authenticateThen<Source>(
  request: TrackedRequest,
  source: Source,
  options: AuthOptions<Source>,
  {
    serve,
    reject,
    onError,
  }: { readonly serve: () => void; readonly reject: () => void; readonly onError: (error: unknown) => void },
): void {
  const decided = (allowed: boolean): void => {
    if (allowed) request.run(serve)
    else reject()
  }
  const allowed = authenticate(request, source, options)
  if (typeof allowed === 'boolean') decided(allowed)
  else allowed.then(decided).catch(onError)
}

function applyDecision(request: TrackedRequest, principal: unknown, refusal: number): boolean {
  if (principal === false) return refuse(request, refusal, undefined)
  // The client may have left in the meantime, and with it the request ended.
  if (request.ended) return false
  request.principal = principal
  request.dispatchOrNote('AUTH_OK', {})
  return true
}

function refuse(request: TrackedRequest, status: number, error: unknown): false {
  if (!request.ended) request.dispatchOrNote('AUTH_ERROR', { outcome: 'denied', status, error })
  return false
}
