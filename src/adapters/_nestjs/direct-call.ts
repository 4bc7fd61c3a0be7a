import type { Carrier } from '../../trace/carrier.ts'
import { authenticate, type AuthOptions } from '../../handlers/authenticate.ts'
import { attachRequest } from '../../tracking/current-request.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { acceptRequest, type RequestCore } from '../../tracking/intake.ts'
import { isRecord } from '../_send.ts'
import type { ActiveDelivery } from '../_deliveries.ts'

/** The members of grpc-js's calls that are touched. */
export interface GrpcCallLike {
  readonly metadata: object
  getPath(): string
  on(event: 'cancelled', listener: () => void): unknown
}

export function isGrpcCall(value: unknown): value is GrpcCallLike {
  return isRecord(value) && 'metadata' in value && 'getPath' in value && 'on' in value
}

/** A call that comes by no broker. */
export interface DirectCall {
  /** What the handler is given: the request hangs on it. */
  readonly host: object
  readonly carrier: Carrier
  readonly method: string
  readonly path: string
}

/** Begins the request of a call that comes by no broker: its caller is a stranger, who cannot resume one. */
export function takeCall(
  core: RequestCore,
  { auth }: Pick<AuthOptions<never>, 'auth'>,
  { host, carrier, ...asked }: DirectCall,
): ActiveDelivery {
  const call = isGrpcCall(host) ? host : undefined
  const request =
    call === undefined
      ? acceptRequest(core, carrier, { ...asked, source: host })
      : acceptRequest(core, call.metadata, { method: 'grpc', path: call.getPath(), source: host })
  attachRequest(host, request)
  // Guards find out who calls.
  void authenticate(request, undefined, auth === undefined ? {} : { auth })
  let open = true
  const end = (how: RequestEnd): void => {
    if (!open) return
    open = false
    if (call === undefined) request.finish(how)
    else endOfCall(request, how).then((final) => request.finish(final), core.settings.errors.report)
  }
  // Nest lets a handler go on whose caller has left.
  call?.on('cancelled', () => end({ outcome: 'aborted' }))
  return { run: (part) => request.run(part), end }
}

/** How a call ended, by the status that Nest gives it: what a filter of the user's makes of an error comes later. */
async function endOfCall(request: TrackedRequest, { outcome, error }: RequestEnd): Promise<RequestEnd> {
  // Loaded where there are calls, and with them grpc-js, which others need not have.
  const { endOf } = await import('../_grpc/status.ts')
  const code = outcome === 'ok' ? 0 : outcome === 'aborted' ? 1 : codeOf(error)
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- whatever number a handler gave is sent
  return { ...endOf(request, { code, details: '' }, true), error }
}

/** An RpcException may name a code; all else that is thrown Nest answers with UNKNOWN. */
function codeOf(error: unknown): number {
  // Whatever was thrown: what of this it has is looked at.
  const { getError } = (error ?? {}) as { readonly getError?: unknown }
  const told: unknown = typeof getError === 'function' ? Reflect.apply(getError, error, []) : undefined
  return isRecord(told) && typeof told.code === 'number' ? told.code : 2
}
