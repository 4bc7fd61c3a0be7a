import { callId, parseCallId } from '../trace/call-id.ts'
import { extract, HEADERS, inject, type Carrier } from '../trace/carrier.ts'
import { headerNames, isReceived, receivedFrom } from '../trace/received.ts'
import { w3cTraceId } from '../trace/trace-id.ts'
import { observeCall, type CallEnd, type OnCallEnd } from '../tracking/calls.ts'
import type { HandOff } from '../tracking/hand-off.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { endOfError, watchCall } from './_calls.ts'
import { hasRoomForParent, headersThatFit } from './_trace-headers.ts'

/** One message to be sent, whatever the host. */
export interface OutgoingMessage {
  /** The name of the topic or queue. */
  readonly to: string
  /** The headers that the caller has set. */
  readonly own: Carrier
  /** How many trace headers the message has room for. */
  readonly headerSlots: number
  /** For how long the broker holds it back before it delivers it. */
  readonly delayMs?: number | undefined
}

/**
 * Returns the trace headers of a message; undefined for a message that stays as it is. Each child message takes a
 * number, so it is called once for each.
 */
export type HeadersFor = (message: OutgoingMessage) => Readonly<Record<string, string>> | undefined

/** The messages that one call of a host sends: their headers, and their records as calls. */
export class MessageCalls {
  readonly #request: TrackedRequest
  readonly #isWatched: boolean
  readonly #ends: OnCallEnd[] = []

  constructor(request: TrackedRequest) {
    this.#request = request
    this.#isWatched = request.core.hasCallListeners
  }

  /**
   * @param next returns the headers of the next message
   * @param lifecycle that of a message that hands the request off, which is no call
   */
  headersFrom(next: () => Readonly<Record<string, string>>, lifecycle?: string): HeadersFor {
    const { errors } = this.#request.core.settings
    return (message) => errors.run(() => this.#headersOf(message, next, lifecycle))
  }

  #headersOf(
    { to, own, headerSlots }: OutgoingMessage,
    next: () => Readonly<Record<string, string>>,
    lifecycle: string | undefined,
  ): ReturnType<HeadersFor> {
    const request = this.#request
    if (headerSlots < 1 || hasCarrierToKeep(request, own)) return undefined
    if (lifecycle !== undefined) return headersThatFit(next(), headerSlots)
    // A message that names no parent takes no number: nothing could tell whether it has arrived.
    if (!hasRoomForParent(request.traceId, headerSlots)) return headersThatFit(inject(request.context), headerSlots)
    const headers = headersThatFit(next(), headerSlots)
    const end = observeCall(request, () => ({ target: to }))
    if (end !== undefined) this.#ends.push(end)
    return headers
  }

  /** Sends, and reports the end of the calls once the result has settled. */
  watch<T>(send: () => T): T {
    return this.#isWatched ? watchCall(send, (end) => this.#end(end)) : send()
  }

  /** A hand-off that also reports the end of the calls. Where the queue sent no message, there was no call. */
  watchConfirm(handOff: HandOff): HandOff {
    if (!this.#isWatched) return handOff
    return {
      ...handOff,
      sent: () => {
        this.#end({ outcome: 'ok' })
        handOff.sent()
      },
      failed: (error) => {
        this.#end(endOfError(error))
        handOff.failed(error)
      },
    }
  }

  #end(end: CallEnd): void {
    for (const onEnd of this.#ends) onEnd(end)
  }
}

/**
 * Whether a message has a carrier that must stay: one of another trace, whose messages the caller relays, or one that
 * `request.enqueue` or `request.headers` has just made. Any other carrier of this trace came with a message that is
 * forwarded, and one that equals what came in with the request was copied from there.
 */
export function hasCarrierToKeep(request: TrackedRequest, own: Carrier): boolean {
  const { traceId, parentId, resumption } = extract(own, 'message')
  if (traceId === undefined || isCopied(request, own)) return false
  return (
    w3cTraceId(traceId) !== w3cTraceId(request.traceId) ||
    (resumption?.requestId === request.requestId && !request.handedOver) ||
    isCallOf(request, parentId)
  )
}

function isCopied({ received }: TrackedRequest, own: Carrier): boolean {
  if (received === undefined) return false
  const sent = Object.entries(receivedFrom(own, PLACE_NAMES) ?? {})
  return sent.length > 0 && sent.every(([name, value]) => isReceived(received, name, value))
}

/** The headers that name a request, or its place in a trace. */
const PLACE_NAMES = headerNames([HEADERS.traceId, HEADERS.traceparent, HEADERS.lifecycle])

function isCallOf({ requestId, attempt, calls }: TrackedRequest, parentId = ''): boolean {
  const parsed = parseCallId(parentId)
  return parsed !== undefined && parsed.call <= calls && callId(requestId, attempt, parsed.call) === parentId
}
