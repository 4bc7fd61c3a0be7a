import type { Carrier } from '../../trace/carrier.ts'
import { authenticate, type EntryOptions } from '../../handlers/entry.ts'
import { attachRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { acceptRequest, type RequestCore } from '../../tracking/intake.ts'
import { UNTRACKED, type ActiveDelivery } from '../_deliveries.ts'
import { isObject } from '../_objects.ts'

/** The members of grpc-js's calls that are used. */
export interface GrpcCallLike {
  readonly metadata: object
  getPath(): string
  on(event: 'cancelled', listener: () => void): unknown
}

export function isGrpcCall(value: unknown): value is GrpcCallLike {
  return isObject(value) && 'metadata' in value && 'getPath' in value && 'on' in value
}

/** A call that does not come through a broker. */
export interface DirectCall {
  /** The handler's argument, to which the request is attached. */
  readonly host: object
  readonly carrier: Carrier
  readonly method: string
  readonly path: string
}

/** Starts the request of a direct call. It never resumes one, since the caller may be a third party. */
export function startCall(
  core: RequestCore,
  { auth }: Pick<EntryOptions<never>, 'auth'>,
  { host, carrier, ...target }: DirectCall,
): ActiveDelivery {
  const call = isGrpcCall(host) ? host : undefined
  const request = core.settings.errors.run(() =>
    call === undefined
      ? acceptRequest(core, carrier, { ...target, source: host })
      : acceptRequest(core, call.metadata, { method: 'grpc', path: call.getPath(), source: host }),
  )
  if (request === undefined) return UNTRACKED
  attachRequest(host, request)
  // Guards authenticate the caller.
  void authenticate(core, request, undefined, auth === undefined ? {} : { auth })
  let ended = false
  const finish = (end: RequestEnd): void => {
    if (ended) return
    ended = true
    if (call === undefined) request.finish(end)
    else endOfCall(request, end).then((callEnd) => request.finish(callEnd), core.settings.errors.report)
  }
  // Nest lets the handler run on after its caller has cancelled.
  call?.on('cancelled', () => finish({ outcome: 'aborted' }))
  return { run: (part) => request.run(part), end: finish }
}

/** The end of a call by the status that Nest sends; a filter of the user's may still change the error after that. */
async function endOfCall(request: TrackedRequest, { outcome, error }: RequestEnd): Promise<RequestEnd> {
  // Imported on the first call: it needs grpc-js, which other applications do not have.
  const { endOf } = await import('../_grpc/status.ts')
  const code = outcome === 'ok' ? 0 : outcome === 'aborted' ? 1 : codeOf(error)
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a handler may use any number
  return { ...endOf(request, { code, details: '' }, true), error }
}

/** The code of an RpcException that names one; for every other error Nest sends UNKNOWN. */
function codeOf(error: unknown): number {
  // Anything may have been thrown.
  const { getError } = (error ?? {}) as { readonly getError?: unknown }
  const details: unknown = typeof getError === 'function' ? Reflect.apply(getError, error, []) : undefined
  return isObject(details) && typeof details.code === 'number' ? details.code : 2
}
