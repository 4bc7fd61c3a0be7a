import { parseResumption, formatResumption, type Resumption } from './resumption.ts'
import { toDashed, isTraceId, w3cTraceId } from './trace-id.ts'
import {
  formatTraceparent,
  parseTraceparent,
  parseTracestate,
  RANDOM,
  SAMPLED,
  type Traceparent,
} from './traceparent.ts'

/**
 * What an id rides on: HTTP headers, gRPC metadata, message headers.
 *
 * Either an object of names and values (in any case; a value may be a string, a Buffer, or an array of
 * these), or something with `get(name)`: `Headers`, a `Map`, gRPC's `Metadata`.
 */
export type Carrier = object | null | undefined

/** Where a request stands in its trace: what goes out with every call that it makes. */
export interface TraceContext {
  /** As it is logged and sent as X-Trace-ID. */
  readonly traceId: string
  /** The request that a call names as its parent: 16 lower-case hex digits. */
  readonly requestId: string
  readonly flags: number
  readonly tracestate?: string | undefined
}

/** What a carrier held, of all that can be believed. */
export interface Extracted {
  /** Absent where a new trace begins. */
  readonly traceId?: string
  /** The caller's request id. */
  readonly parentId?: string
  readonly flags: number
  readonly tracestate?: string
  /** The length of an id that was there and is not used, because it was malformed or sent twice. */
  readonly rejectedLength?: number
  /** Read from messages only: a stranger at an HTTP or gRPC edge must not be able to resume a request. */
  readonly resumption?: Resumption
}

/** Header names, as they are sent; HTTP and gRPC fold case, Kafka, AMQP and NATS do not. */
export const HEADERS = {
  traceId: 'x-trace-id',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  lifecycle: 'x-lifecycle',
} as const

/** The flags of a trace that begins here, with an id that we made. */
export const NEW_TRACE_FLAGS = SAMPLED | RANDOM

/**
 * Reads a carrier: a valid X-Trace-ID, else the trace-id of a valid traceparent, else nothing.
 *
 * Never throws, whatever the carrier holds.
 *
 * @param from `'edge'` for HTTP and gRPC, `'message'` to read `x-lifecycle` too
 */
export function extract(carrier: Carrier, from: 'edge' | 'message'): Extracted {
  const idHeader = read(carrier, HEADERS.traceId)
  const parentHeader = read(carrier, HEADERS.traceparent)
  if (idHeader === undefined && parentHeader === undefined) return NOTHING
  const ownId = isTraceId(idHeader) ? idHeader : undefined
  const parent = typeof parentHeader === 'string' ? parseTraceparent(parentHeader) : undefined
  const refused =
    idHeader !== undefined && ownId === undefined ? idHeader : parent === undefined ? parentHeader : undefined
  const rejected = refused === undefined ? {} : { rejectedLength: lengthOf(refused) }
  const traceId = ownId ?? (parent === undefined ? undefined : toDashed(parent.traceId))
  if (traceId === undefined) return { flags: NEW_TRACE_FLAGS, ...rejected }
  return {
    traceId,
    ...rejected,
    ...ancestry(carrier, traceId, parent),
    ...(from === 'message' ? resumptionIn(carrier) : {}),
  }
}

const NOTHING: Extracted = Object.freeze({ flags: NEW_TRACE_FLAGS })

/** Parent, flags and tracestate come from the traceparent, if it speaks of the same trace. */
function ancestry(
  carrier: Carrier,
  traceId: string,
  parent: Traceparent | undefined,
): Pick<Extracted, 'parentId' | 'flags' | 'tracestate'> {
  // The random flag speaks of how an id was made; of an id that came alone, we cannot know.
  if (parent?.traceId !== w3cTraceId(traceId)) return { flags: SAMPLED }
  const sent = read(carrier, HEADERS.tracestate)
  const tracestate = sent === undefined ? undefined : parseTracestate(typeof sent === 'string' ? sent : sent.join(','))
  return { parentId: parent.parentId, flags: parent.flags, ...(tracestate === undefined ? {} : { tracestate }) }
}

function resumptionIn(carrier: Carrier): Pick<Extracted, 'resumption'> {
  const header = read(carrier, HEADERS.lifecycle)
  const resumption = typeof header === 'string' ? parseResumption(header) : undefined
  return resumption === undefined ? {} : { resumption }
}

/**
 * The headers that carry a trace context onward: `x-trace-id`, `traceparent`, and `tracestate` where there is one;
 * with a resumption also `x-lifecycle`, which hands the request itself over.
 */
export function inject(
  { traceId, requestId, flags, tracestate }: TraceContext,
  resumption?: Resumption,
): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADERS.traceId]: traceId,
    [HEADERS.traceparent]: formatTraceparent({ traceId: w3cTraceId(traceId), parentId: requestId, flags }),
  }
  if (tracestate !== undefined) headers[HEADERS.tracestate] = tracestate
  if (resumption !== undefined) headers[HEADERS.lifecycle] = formatResumption(resumption)
  return headers
}

/** What a carrier has under a name: one value, or all where they are several; undefined where it has none or cannot be read. */
function read(carrier: Carrier, name: string): string | readonly string[] | undefined {
  if (typeof carrier !== 'object' || carrier === null) return undefined
  try {
    const value = hasGet(carrier) ? carrier.get(name) : property(carrier, name)
    // Nearly always: such a header is not there, or is a string.
    if (value === undefined || typeof value === 'string') return value
    const values = (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap(text)
    return values.length > 1 ? values : values[0]
  } catch {
    // A getter of the host's threw: what cannot be read is not there.
    return undefined
  }
}

function hasGet(carrier: object): carrier is { get(name: string): unknown } {
  return 'get' in carrier && typeof carrier.get === 'function'
}

function property(carrier: object, name: string): unknown {
  // The cast only names what an object is: any key may hold anything.
  const values = carrier as Readonly<Record<string, unknown>>
  const own = values[name]
  if (own !== undefined && Object.hasOwn(values, name)) return own
  let spelled: string[] | undefined
  for (const key in values) {
    if (key.length === name.length && key.toLowerCase() === name && Object.hasOwn(values, key))
      (spelled ??= []).push(key)
  }
  return spelled?.flatMap((key) => values[key])
}

function text(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return value instanceof Uint8Array
    ? [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')]
    : []
}

function lengthOf(sent: string | readonly string[]): number {
  return typeof sent === 'string' ? sent.length : sent.reduce((sum, value) => sum + value.length, 0)
}
