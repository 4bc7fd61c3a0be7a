import { extract, type Carrier, type Extracted } from '../trace/carrier.ts'
import { receivedFrom, type Received } from '../trace/received.ts'
import { firstRecord, type RequestTarget } from './build-records.ts'
import { dispatchOrNote } from './signals.ts'
import type { StoredRequest } from './storage.ts'
import { TrackedRequest } from './tracked-request.ts'
import type { TrackerCore } from './tracker-core.ts'

/** The tracker's internals, as handlers and adapters use them. */
export type RequestCore = TrackerCore<TrackedRequest>

/** What `tracker.start` takes besides the carrier. */
export interface StartOptions extends RequestTarget {
  /** The argument of `trustIncoming` and `newTraceId`; by default the carrier. */
  readonly source?: unknown
  /** Milliseconds until the caller stops waiting: the request is stuck only then, whatever the limits of its states. */
  readonly timeLeft?: number | undefined
  /** @internal Its ids, where a line of the application's has them already. */
  readonly ids?: RequestIds | undefined
}

/** What `tracker.resume` takes besides the carrier. */
export interface ResumeOptions extends RequestTarget {
  /** The number of this delivery of the message: 1, 2 … */
  readonly attempt?: number | undefined
  /** The message, which is the argument of `newTraceId`; by default the carrier. */
  readonly source?: unknown
  /** @internal Epoch milliseconds until which this delivery was held back; by default what the carrier says. */
  readonly due?: number | undefined
}

/** The ids of a request that is about to start, and what came in with it. */
export interface RequestIds extends StoredRequest {
  readonly extracted: Extracted
  readonly received: Received | undefined
}

/** Finds or makes the ids of an HTTP or gRPC call, whose headers may carry a trace. */
export function idsOf(core: RequestCore, carrier: Carrier, source: unknown): RequestIds {
  const { trustsIncoming, idHeaders } = core.settings
  const trusted = trustsIncoming(source)
  const received = receivedFrom(carrier, idHeaders.received)
  return withIds(core, extract(trusted ? received : undefined, 'edge', idHeaders.read), received, source)
}

function withIds(
  { settings }: RequestCore,
  extracted: Extracted,
  received: Received | undefined,
  source: unknown,
): RequestIds {
  return {
    traceId: extracted.traceId ?? settings.newTraceId(source),
    requestId: settings.newRequestId(),
    extracted,
    received,
  }
}

/** Starts the request of an HTTP or gRPC call. */
export function acceptRequest(core: RequestCore, carrier: Carrier, options: StartOptions): TrackedRequest {
  return startRequest(core, options.ids ?? idsOf(core, carrier, options.source ?? carrier), options)
}

/**
 * Resumes the request that a message hands off, or, where it carries none, starts one with the sender as its parent.
 *
 * @param starting the core of a request that starts here: another one's lines are in the log already
 */
export function acceptDelivery(
  core: RequestCore,
  carrier: Carrier,
  delivery: ResumeOptions,
  starting = core,
): TrackedRequest {
  const { idHeaders } = core.settings
  const received = receivedFrom(carrier, idHeaders.received)
  const extracted = extract(received, 'message', idHeaders.readFromMessages)
  const { resumption, traceId } = extracted
  const state = resumption === undefined ? undefined : core.settings.table.state[resumption.state]
  if (resumption === undefined || traceId === undefined || state === undefined || state.final)
    return startRequest(starting, withIds(starting, extracted, received, delivery.source ?? carrier), delivery)
  const attempt = Number.isSafeInteger(delivery.attempt) ? Math.max(1, delivery.attempt ?? 1) : 1
  const request = new TrackedRequest(core, { ...resumption, state, traceId, extracted, received, attempt })
  const { now, elapsed } = core.settings
  const { due = resumption.due } = delivery
  // A wait that was meant to be counts here as little as in an audit.
  if (due !== undefined && Number.isFinite(due)) request.dueTick = elapsed() + due - now()
  core.onStarted(request)
  dispatchOrNote(request, 'ATTEMPT', { data: delivery.data })
  return request
}

function startRequest(core: RequestCore, ids: RequestIds, target: StartOptions): TrackedRequest {
  const { settings } = core
  const { traceId, requestId, extracted, received } = ids
  const isNew = extracted.traceId === undefined
  const request = new TrackedRequest(core, {
    traceId,
    requestId,
    state: settings.initial,
    seq: 0,
    since: settings.now(),
    extracted:
      isNew && extracted.flags !== settings.newTraceFlags ? { ...extracted, flags: settings.newTraceFlags } : extracted,
    received,
    timeoutMs: target.timeLeft,
  })
  core.onStarted(request)
  if (core.hasListeners) core.emit(firstRecord(request, settings, target, extracted))
  return request
}
