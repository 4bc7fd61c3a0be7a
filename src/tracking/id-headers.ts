import { HEADERS } from '../trace/carrier.ts'
import { headerNames, type HeaderNames } from '../trace/received.ts'
import { badOption, checkNames, type OptionNames } from './options.ts'

/** Under which names the trace id comes in and is sent back. */
export interface IdHeaderOptions {
  /**
   * The headers that may hold the trace id, in the order in which they are looked at; `traceparent` comes after them. In
   * messages `x-trace-id` comes first, since throughline has written it.
   *
   * @default ['x-trace-id']
   */
  readonly read?: readonly string[]
  /**
   * The header of the response, or several, or none, that returns the trace id.
   *
   * @default 'x-trace-id'
   */
  readonly echo?: string | readonly string[]
}

const ID_HEADER_OPTIONS: OptionNames<IdHeaderOptions> = { read: true, echo: true }

/** The parsed option: names in lower case. */
export interface IdHeaders {
  /** Of HTTP and gRPC. */
  readonly read: readonly string[]
  /** Of messages. */
  readonly readFromMessages: readonly string[]
  readonly echo: readonly string[]
  /** All names under which a caller may send ids, trusted or not. */
  readonly received: HeaderNames
}

/** @throws ThroughlineError THROUGHLINE_BAD_OPTION for a name that is not that of a header, or has another use */
export function parseIdHeaders(options: IdHeaderOptions = {}): IdHeaders {
  checkNames(options, 'headers', [ID_HEADER_OPTIONS])
  const { read = [HEADERS.traceId], echo = HEADERS.traceId } = options
  const readNames = parseNames('headers.read', read)
  return Object.freeze({
    read: readNames,
    readFromMessages: Object.freeze([...new Set([HEADERS.traceId, ...readNames])]),
    received: headerNames([...new Set([...Object.values(HEADERS), ...readNames])]),
    echo: parseNames('headers.echo', typeof echo === 'string' ? [echo] : echo),
  })
}

/** A token, as RFC 9110 defines the names of fields. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

/** Names with a meaning of their own: an id in them would break the trace, the message or the connection. */
const RESERVED: ReadonlySet<string> = new Set([
  ...[HEADERS.traceparent, HEADERS.tracestate, HEADERS.lifecycle],
  ...['authorization', 'connection', 'content-length', 'content-type', 'cookie', 'host', 'keep-alive', 'location'],
  ...['http2-settings', 'proxy-connection'],
  ...['set-cookie', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'www-authenticate'],
])

function parseNames(option: string, names: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(names) ? names : [names]
  const parsed = list.map((name) => {
    const text = typeof name === 'string' ? name.toLowerCase() : ''
    if (!TOKEN.test(text)) throw badOption(option, "names of headers, such as 'x-request-id'")
    if (RESERVED.has(text)) throw badOption(option, `names of headers for the trace id; "${text}" has another use`)
    return text
  })
  return Object.freeze([...new Set(parsed)])
}
