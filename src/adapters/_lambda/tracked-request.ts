import type { Carrier } from '../../trace/carrier.ts'
import { authenticate, type AuthOptions } from '../../handlers/authenticate.ts'
import { attachRequest } from '../../tracking/current-request.ts'
import { endFromStatus } from '../../tracking/finish-request.ts'
import { acceptRequest, type RequestCore } from '../../tracking/intake.ts'
import { httpEvent } from './http.ts'
import type { Invocation } from './invocation.ts'

/** What is known of events that are answered, and how callers over HTTP are found out. */
export interface TrackInvocationOptions<Event> extends AuthOptions<Event> {
  /** Where an event that is neither of HTTP nor of SQS has headers; `x-lifecycle` is not read. */
  readonly carrier?: (event: Event) => Carrier
}

/** One request over HTTP, or one whose event says nothing of how it came. */
export async function trackInvocation<Event, R>(
  core: RequestCore,
  options: TrackInvocationOptions<Event>,
  { event, path, serve }: { readonly event: Event; readonly path: string; readonly serve: () => R },
  { underWay, timeLeft }: Invocation,
): Promise<Awaited<R>> {
  const { errors } = core.settings
  const http = httpEvent(event)
  const headers = http === undefined ? errors.run(() => options.carrier?.(event)) : http.headers
  const request = acceptRequest(core, headers, {
    method: http?.method,
    path: http?.path ?? path,
    source: event,
    timeLeft,
  })
  underWay.add(request)
  if (typeof event === 'object' && event !== null) attachRequest(event, request)
  try {
    const allowed = await authenticate(request, event, http === undefined ? {} : options)
    const answer = allowed ? await request.run(serve) : http?.refusal
    request.finish(endFromStatus(request, http?.statusOf(answer)))
    // The answer is the handler's with one header more, or what the gateway takes for a refusal.
    return (http?.withTraceId(answer, request.traceId) ?? answer) as Awaited<R>
  } catch (error) {
    request.finish({ outcome: 'error', status: http === undefined ? undefined : 502, error })
    throw error
  }
}
