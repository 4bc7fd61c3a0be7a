import { extract, HEADERS, type Carrier } from '../trace/carrier.ts'
import { toDashed, w3cTraceId } from '../trace/trace-id.ts'
import { currentRequest } from '../tracking/current-request.ts'
import { startHandOff } from '../tracking/hand-off.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { sendWithHandOff, type SendAs, type SendOptions } from './_deliveries.ts'

/** One message that is about to be sent, in the words of no host. */
export interface OutgoingMessage {
  /** The name of the topic or queue. */
  readonly to: string
  /** The headers that it has of its caller. */
  readonly own: Carrier
  /** How many headers of ours it can hold. */
  readonly headerSlots: number
}

/** The headers that a message is to get; undefined for one that is to stay as it is. */
export type HeadersFor = (message: OutgoingMessage) => Readonly<Record<string, string>> | undefined

/** One call of a host, and all that it sends. */
export interface SendCall<T> {
  readonly messages: readonly OutgoingMessage[]
  readonly options: SendOptions
  /** How a message stands to its request where the options do not say. */
  readonly defaultAs: SendAs
  /** Sends as it is told to; without `ours` just what it was given. */
  readonly send: (ours?: HeadersFor) => T
  /** Whether the broker has the messages, by what it answered. */
  readonly accepted: (answer: Awaited<T>) => boolean
}

/**
 * Sends what one call of a host sends: a message alone may hand the request in hand over, several have it as their parent.
 *
 * Sent as they are: messages outside of a request, those whose carrier is of their caller's making, and those that
 * have no room for one, of which a note tells.
 */
export function sendMessages<T>({
  messages,
  options,
  defaultAs,
  send,
  accepted,
}: SendCall<T>): T | Promise<Awaited<T>> {
  const request = currentRequest()
  const open = request === undefined ? [] : messages.filter(({ own }) => !hasForeignCarrier(request, own))
  if (open.some(({ headerSlots }) => headerSlots < 1))
    request?.emitNote('note', 'PROPAGATE', { error: new Error(NO_ROOM) })
  if (request === undefined || !open.some(({ headerSlots }) => headerSlots > 0)) return send()
  const [first] = messages
  // To hand over takes two headers: one that names the trace, and one that names the request.
  const handsOver =
    messages.length === 1 &&
    first !== undefined &&
    first.headerSlots > 1 &&
    resolveSendAs(request, options.as ?? defaultAs, first.to) === 'hand-off'
  const handOff = startHandOff(request, handsOver ? undefined : 'child')
  return sendWithHandOff(
    handOff,
    (headers) =>
      send(({ own, headerSlots }) =>
        headerSlots < 1 || hasForeignCarrier(request, own) ? undefined : headersThatFit(headers, headerSlots),
      ),
    accepted,
  )
}

const NO_ROOM = 'a message was sent without its trace: its own attributes leave no room'

/** The caller's headers with ours in place of those that a message which is forwarded has brought along. */
export function withTraceHeaders<V>(
  own: Readonly<Record<string, V>> | null | undefined,
  ours: Readonly<Record<string, V>>,
): Record<string, V> {
  return { ...Object.fromEntries(Object.entries(own ?? {}).filter(([name]) => !isTraceHeader(name))), ...ours }
}

/** True for the names of our headers. */
export function isTraceHeader(name: string): boolean {
  return TRACE_HEADER_NAMES.includes(name)
}

export const TRACE_HEADER_NAMES: readonly string[] = Object.values(HEADERS)

/** A copy with one property changed: of the same class, with all that hangs on it. */
export function withProperty<T extends object>(object: T, key: string, value: unknown): T {
  const descriptors = {
    ...Object.getOwnPropertyDescriptors(object),
    [key]: { value, enumerable: true, writable: true, configurable: true },
  }
  // A copy of what was given has its type.
  return Object.create(Object.getPrototypeOf(object) as object | null, descriptors) as T
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/**
 * Whether a message has a carrier that is not ours to replace: it is of another trace (what relays the messages of
 * others), or `request.enqueue` made it just now. One of the same trace was received and is forwarded.
 */
export function hasForeignCarrier(request: TrackedRequest, own: Carrier): boolean {
  const { traceId, resumption } = extract(own, 'message')
  if (traceId === undefined) return false
  return (
    w3cTraceId(traceId) !== w3cTraceId(request.traceId) ||
    (resumption?.requestId === request.requestId && !request.handedOver)
  )
}

/** A function of the user's that throws has not said that the message hands over. */
export function resolveSendAs(request: TrackedRequest, as: NonNullable<SendOptions['as']>, to: string): SendAs {
  if (typeof as === 'string') return as
  try {
    return as(to)
  } catch (error) {
    request.emitNote('note', 'PROPAGATE', { error })
    return 'child'
  }
}

/** As many of the headers as there is room for; those first without which the others would say nothing. */
function headersThatFit(headers: Readonly<Record<string, string>>, room: number): Readonly<Record<string, string>> {
  const { traceId, traceparent, lifecycle, tracestate } = HEADERS
  const id = headers[traceId] ?? ''
  // A UUID can be told from the traceparent, which names the parent besides; of any other id that holds a hash only.
  const [most, less] = id === toDashed(w3cTraceId(id)) ? [traceparent, traceId] : [traceId, traceparent]
  return Object.fromEntries(
    [most, lifecycle, less, tracestate]
      .flatMap((name) => {
        const value = headers[name]
        return value === undefined ? [] : [[name, value] as const]
      })
      .slice(0, room),
  )
}
