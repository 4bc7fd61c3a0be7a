import { HEADERS, type Carrier } from '../../trace/carrier.ts'
import { isObject } from '../_objects.ts'

/** The one key of a job's data that is ours. */
const KEY = '__throughline'

/** The value under that key. */
interface Envelope {
  readonly headers: Readonly<Record<string, unknown>>
  /** The queue that the job was sent to. */
  readonly queue?: unknown
  /** Whether the job had no data of its own. */
  readonly empty?: true
}

/**
 * Whether a key can be added to a job's data without changing what the worker receives: to no data, or to an object
 * that PostgreSQL's driver writes as JSON, property by property.
 */
export function canCarry(data: unknown): data is object | null | undefined {
  if (data === null || data === undefined) return true
  if (!isObject(data) || Array.isArray(data) || ArrayBuffer.isView(data)) return false
  return !('toJSON' in data) && !('toPostgres' in data)
}

/** The data with a carrier; a carrier that it already has is replaced. */
export function withCarrier(
  data: object | null | undefined,
  headers: Readonly<Record<string, string>>,
  queue?: unknown,
): object {
  const empty = data === null || data === undefined
  const envelope: Envelope = { headers, ...(queue === undefined ? {} : { queue }), ...(empty ? { empty } : {}) }
  return { ...data, [KEY]: envelope }
}

/** Splits the data of a job into the sender's data and the carrier. */
export function splitData(data: unknown, queue: string): { readonly data: unknown; readonly carrier: Carrier } {
  if (!isObject(data) || !(KEY in data)) return { data, carrier: undefined }
  const { [KEY]: envelope, ...rest } = data
  if (!isEnvelope(envelope)) return { data, carrier: undefined }
  const { [HEADERS.lifecycle]: lifecycle, ...headers } = envelope.headers
  // A dead letter is a copy in another queue: the request ended with the last attempt, and the copy starts a new one.
  const carrier = envelope.queue === queue ? { ...headers, [HEADERS.lifecycle]: lifecycle } : headers
  return { data: envelope.empty === true ? null : rest, carrier }
}

function isEnvelope(value: unknown): value is Envelope {
  return isObject(value) && isObject(value.headers)
}
