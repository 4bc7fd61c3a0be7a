import { urlToHttpOptions } from 'node:url'
import type { Destination } from './destination.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'

/**
 * One call of `request` or `get`, in any of their forms: (url, options, callback), (url, callback), (options,
 * callback).
 */
export interface HttpCall {
  readonly destination: Destination
  readonly method: unknown
  /** Whether the caller has set a header, by its name in lower case. */
  readonly has: (name: string) => boolean
  /** The arguments with these headers added. The caller's objects are not changed. */
  readonly with: (more: readonly Header[]) => readonly unknown[]
}

type Header = readonly [name: string, value: string]

/**
 * Parses the arguments of a call. Headers are added to the arguments, not to the request that the call returns: Node
 * has already rendered the headers of some requests (headers in an array, `Expect: 100-continue`) by then.
 *
 * @param protocol the client's default protocol
 * @returns undefined for arguments that Node rejects
 * @throws Error for a URL or an option that cannot be read
 */
export function parseArgs([first, ...others]: readonly unknown[], protocol: string): HttpCall | undefined {
  const url = typeof first === 'string' ? new URL(first) : isUrl(first) ? first : undefined
  const [second] = others
  const options = url === undefined ? first : isObject(second) ? second : {}
  if (!isObject(options)) return undefined
  const entries = entriesOf(options.headers)
  if (entries === undefined) return undefined
  const own = new Map(entries.map(([name, value]) => [String(name).toLowerCase(), value]))
  const all: UnknownObject = { ...(url === undefined ? {} : urlToHttpOptions(url)), ...options }
  const before = url === undefined ? [] : [first]
  const after = url === undefined || typeof second === 'function' ? others : others.slice(1)
  return {
    destination: destinationOf(all, own.get('host'), protocol),
    method: all.method,
    has: (name) => own.has(name),
    with: (more) => [...before, withProperty(options, 'headers', withMore(options.headers, more)), ...after],
  }
}

/** What Node itself accepts as a URL: an instance of any URL class, but not the result of the legacy `url.parse`. */
function isUrl(value: unknown): value is URL {
  return (
    isObject(value) &&
    Boolean(value.href) &&
    Boolean(value.protocol) &&
    value.auth === undefined &&
    value.path === undefined
  )
}

function destinationOf(options: UnknownObject, hostHeader: unknown, defaultProtocol: string): Destination {
  const { protocol, hostname, host, port, path } = options
  return {
    protocol: firstString(protocol) ?? defaultProtocol,
    host: firstString(hostname, host) ?? 'localhost',
    port,
    path,
    hostHeader,
  }
}

/** The first string that is not empty: like Node, it treats an empty one as absent. */
function firstString(...values: readonly unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '')
}

/** The caller's headers as pairs; undefined for a list that Node rejects. */
function entriesOf(headers: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (!Array.isArray(headers)) return isObject(headers) ? Object.entries(headers) : []
  // The types of the elements are not known.
  const list = headers as readonly unknown[]
  // If the first element is a pair, all must be; anything else throws here, as in Node.
  if (!isFlat(list)) return (list as readonly (readonly [unknown, unknown])[]).map(([name, value]) => [name, value])
  return list.length % 2 === 0
    ? list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]] as const] : []))
    : undefined
}

/** Whether a list alternates names and values, and does not hold pairs: like Node, it checks the first element. */
function isFlat([first]: readonly unknown[]): boolean {
  return !Array.isArray(first)
}

function withMore(headers: unknown, more: readonly Header[]): unknown {
  if (!Array.isArray(headers)) return { ...(isObject(headers) ? headers : {}), ...Object.fromEntries(more) }
  return [...(headers as readonly unknown[]), ...(isFlat(headers) ? more.flat() : more)]
}
