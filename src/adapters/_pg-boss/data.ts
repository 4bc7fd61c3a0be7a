import { HEADERS, type Carrier } from '../../trace/carrier.ts'

/** The one key of a job's data that is ours. */
const KEY = '__throughline'

/** What stands under it. */
interface Envelope {
  readonly headers: Readonly<Record<string, unknown>>
  /** The queue that the job was sent to. */
  readonly queue?: unknown
  /** The job had no data of its own. */
  readonly empty?: true
}

/**
 * True for data to which a key can be added without changing what the worker is given: nothing, or an object that
 * PostgreSQL's driver writes as JSON, property by property.
 */
export function canCarry(data: unknown): data is object | null | undefined {
  if (data === null || data === undefined) return true
  if (typeof data !== 'object' || Array.isArray(data) || ArrayBuffer.isView(data)) return false
  return !('toJSON' in data) && !('toPostgres' in data)
}

/** The data with its carrier; what stood under our key gives way. */
export function withCarrier(data: object | null | undefined, headers: Record<string, string>, queue?: unknown): object {
  const empty = data === null || data === undefined
  const envelope: Envelope = { headers, ...(queue === undefined ? {} : { queue }), ...(empty ? { empty } : {}) }
  return { ...data, [KEY]: envelope }
}

/** The data as its sender gave it, and the carrier apart from it. */
export function opened(data: unknown, queue: string): { readonly data: unknown; readonly carrier: Carrier } {
  if (typeof data !== 'object' || data === null || !(KEY in data)) return { data, carrier: undefined }
  const { [KEY]: envelope, ...rest } = data
  if (!isEnvelope(envelope)) return { data, carrier: undefined }
  const { [HEADERS.lifecycle]: lifecycle, ...headers } = envelope.headers
  // A dead letter is a copy in another queue: its request ended with the last attempt, and this is a new one.
  const carrier = envelope.queue === queue ? { ...headers, [HEADERS.lifecycle]: lifecycle } : headers
  return { data: envelope.empty === true ? null : rest, carrier }
}

function isEnvelope(value: unknown): value is Envelope {
  return (
    typeof value === 'object' &&
    value !== null &&
    'headers' in value &&
    typeof value.headers === 'object' &&
    value.headers !== null
  )
}
