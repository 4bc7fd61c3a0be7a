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
 * What carries the ids: HTTP headers, gRPC metadata, message headers.
 *
 * Either an object of names and values (names in any case; a value is a string, a Buffer, or an array of these), or an
 * object with `get(name)`: `Headers`, a `Map`, gRPC's `Metadata`.
 */
export type Carrier = object | null | undefined

/** A request's place in its trace, sent with every call that it makes. */
export interface TraceContext {
  /** As logged and as sent in X-Trace-ID. */
  readonly traceId: string
  /** The request, or one of its calls: 16 lower-case hex digits. */
  readonly requestId: string
  readonly flags: number
  readonly tracestate?: string | undefined
}

/** The valid values of a carrier. */
export interface Extracted {
  /** Absent if a new trace starts here. */
  readonly traceId?: string
  /** The caller's request id, or the id of its call. */
  readonly parentId?: string
  readonly flags: number
  readonly tracestate?: string
  /** The length of an id that was ignored because it was malformed or sent twice. */
  readonly rejectedLength?: number
  /** Read from messages only: clients of an HTTP or gRPC edge must not be able to resume a request. */
  readonly resumption?: Resumption
}

/** Header names as sent. HTTP and gRPC ignore their case; Kafka, AMQP and NATS do not. */
export const HEADERS = {
  traceId: 'x-trace-id',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  lifecycle: 'x-lifecycle',
} as const

/** The flags of a trace that starts here, with a generated id. */
export const NEW_TRACE_FLAGS = SAMPLED | RANDOM

/**
 * Reads the trace context from a carrier: a valid X-Trace-ID, else the trace-id of a valid traceparent, else none.
 *
 * Never throws, even if the carrier's getters do.
 *
 * @param from `'edge'` for HTTP and gRPC; `'message'` also reads `x-lifecycle`
 * @param idHeaders the names under which the id may come instead, in lower case; the first valid one counts
 */
export function extract(
  carrier: Carrier,
  from: 'edge' | 'message',
  idHeaders: readonly string[] = ID_HEADERS,
): Extracted {
  const idHeader = readIdHeader(carrier, idHeaders)
  const parentHeader = readHeader(carrier, HEADERS.traceparent)
  if (idHeader === undefined && parentHeader === undefined) return NO_TRACE
  const validId = isTraceId(idHeader) ? idHeader : undefined
  const parent = typeof parentHeader === 'string' ? parseTraceparent(parentHeader) : undefined
  const invalidId = validId === undefined ? idHeader : undefined
  const invalidParent = parent === undefined ? parentHeader : undefined
  const ignored = invalidId ?? invalidParent
  const rejected = ignored === undefined ? {} : { rejectedLength: lengthOf(ignored) }
  const traceId = validId ?? (parent === undefined ? undefined : toDashed(parent.traceId))
  if (traceId === undefined) return { flags: NEW_TRACE_FLAGS, ...rejected }
  return {
    traceId,
    ...rejected,
    ...readParent(carrier, traceId, parent),
    ...(from === 'message' ? readResumption(carrier) : {}),
  }
}

const ID_HEADERS: readonly string[] = [HEADERS.traceId]

/** The first valid id, else the first header that holds something else. */
function readIdHeader(carrier: Carrier, names: readonly string[]): string | readonly string[] | undefined {
  let ignored: string | readonly string[] | undefined
  for (const name of names) {
    const header = readHeader(carrier, name)
    if (isTraceId(header)) return header
    ignored ??= header
  }
  return ignored
}

const NO_TRACE: Extracted = Object.freeze({ flags: NEW_TRACE_FLAGS })

/** Parent, flags and tracestate, if the traceparent belongs to the same trace. */
function readParent(
  carrier: Carrier,
  traceId: string,
  parent: Traceparent | undefined,
): Pick<Extracted, 'parentId' | 'flags' | 'tracestate'> {
  // An X-Trace-ID alone does not say whether its bits are random.
  if (parent?.traceId !== w3cTraceId(traceId)) return { flags: SAMPLED }
  const header = readHeader(carrier, HEADERS.tracestate)
  const list = typeof header === 'string' ? header : header?.join(',')
  const tracestate = list === undefined ? undefined : parseTracestate(list)
  return { parentId: parent.parentId, flags: parent.flags, ...(tracestate === undefined ? {} : { tracestate }) }
}

function readResumption(carrier: Carrier): Pick<Extracted, 'resumption'> {
  const header = readHeader(carrier, HEADERS.lifecycle)
  const resumption = typeof header === 'string' ? parseResumption(header) : undefined
  return resumption === undefined ? {} : { resumption }
}

/**
 * The headers of a trace context: `x-trace-id`, `traceparent`, and `tracestate` if there is one. With a resumption,
 * also `x-lifecycle`, which hands the request itself off to a worker.
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

/** The value of a header, all values if there are several, or undefined if there is none or it cannot be read. */
export function readHeader(carrier: Carrier, name: string): string | readonly string[] | undefined {
  if (typeof carrier !== 'object' || carrier === null) return undefined
  try {
    const value = hasGet(carrier) ? carrier.get(name) : findProperty(carrier, name)
    // The usual cases first: no such header, or a string.
    if (value === undefined || typeof value === 'string') return value
    const values = (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap(toText)
    return values.length > 1 ? values : values[0]
  } catch {
    // A getter threw: treat the header as missing.
    return undefined
  }
}

function hasGet(carrier: object): carrier is { get(name: string): unknown } {
  return 'get' in carrier && typeof carrier.get === 'function'
}

function findProperty(carrier: object, name: string): unknown {
  // The cast holds for any object: its keys may have values of any type.
  const values = carrier as Readonly<Record<string, unknown>>
  const exact = values[name]
  if (exact !== undefined && Object.hasOwn(values, name)) return exact
  let keys: string[] | undefined
  for (const key in values) {
    if (key.length === name.length && key.toLowerCase() === name && Object.hasOwn(values, key)) (keys ??= []).push(key)
  }
  return keys?.flatMap((key) => values[key])
}

/** A text as one value; what is no text as none. */
export function toText(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return value instanceof Uint8Array
    ? [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')]
    : []
}

function lengthOf(header: string | readonly string[]): number {
  return typeof header === 'string' ? header.length : header.reduce((sum, value) => sum + value.length, 0)
}
