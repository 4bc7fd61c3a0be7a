import type { Carrier } from '../../trace/carrier.ts'
import { authenticate, runFor } from '../../handlers/entry.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../../handlers/handler-options.ts'
import { acceptWith } from '../../handlers/request-options.ts'
import { attachRequest } from '../../tracking/current-request.ts'
import { endFromStatus } from '../../tracking/finish-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { OptionNames } from '../../tracking/options.ts'
import { isObject } from '../_objects.ts'
import { httpEvent } from './http-event.ts'
import type { Invocation } from './invocation.ts'

/** How callers over HTTP are authenticated, and where other events have their headers. */
export interface TrackInvocationOptions<Event> extends HandlerOptions<Event> {
  /** Returns the headers of an event that is neither of HTTP nor of SQS; `x-lifecycle` is not read. */
  readonly carrier?: (event: Event) => Carrier
}

/** The names of {@link TrackInvocationOptions}. */
export const TRACK_INVOCATION_OPTIONS: OptionNames<TrackInvocationOptions<never>> = {
  ...HANDLER_OPTIONS,
  carrier: true,
}

/** Tracks an invocation as one request: an HTTP request, or an event of a kind that is not known. */
export async function trackInvocation<Event, R>(
  core: RequestCore,
  options: TrackInvocationOptions<Event>,
  { event, path, serve }: { readonly event: Event; readonly path: string; readonly serve: () => R },
  { active, timeLeft }: Invocation,
): Promise<Awaited<R>> {
  const { errors } = core.settings
  const http = errors.run(() => httpEvent(event))
  const start = (): TrackedRequest => {
    const carrier = http === undefined ? errors.run(() => options.carrier?.(event)) : http.headers
    const target = { method: http?.method, path: http?.path ?? path, source: event, timeLeft }
    const started = acceptWith(core, options, carrier, target)
    active.add(started)
    if (isObject(event)) attachRequest(event, started)
    return started
  }
  const request = errors.run(start)
  try {
    const allowed = await authenticate(core, request, event, http === undefined ? {} : options)
    const answer = allowed ? await runFor(request, serve) : http?.refusal
    const withId = errors.run(() => {
      request?.finish(endFromStatus(request, http?.statusOf(answer)))
      return request && http?.withTraceId(answer, core.settings.idHeaders.echo, request.traceId)
    })
    // Either the handler's answer with one more header, or a refusal that the gateway accepts.
    return (withId ?? answer) as Awaited<R>
  } catch (error) {
    request?.finish({ outcome: 'error', status: http === undefined ? undefined : 502, error })
    throw error
  }
}
