import { urlToHttpOptions } from 'node:url'
import type { Destination } from './destination.ts'
import type { HeaderChanges, OwnHeader } from '../_header-changes.ts'
import { isObject, withProperty, type UnknownObject } from '../_objects.ts'

/**
 * One call of `request` or `get`, in any of their forms: (url, options, callback), (url, callback), (options,
 * callback).
 */
export interface HttpCall {
  readonly destination: Destination
  readonly method: unknown
  /** The caller's headers. */
  readonly own: OwnHeader
  /** The arguments with these headers. The caller's objects are not changed. */
  readonly with: (changes: HeaderChanges) => readonly unknown[]
}

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
  const own = byName(entries)
  const all: UnknownObject = { ...(url === undefined ? {} : urlToHttpOptions(url)), ...options }
  const before = url === undefined ? [] : [first]
  const after = url === undefined || typeof second === 'function' ? others : others.slice(1)
  return {
    destination: destinationOf(all, own.get('host')?.at(-1), protocol),
    method: all.method,
    own(name) {
      const values = own.get(name)
      // Node rejects a header without a value: it is the caller's.
      return values === undefined ? undefined : values.length > 1 ? values.flat() : (values[0] ?? '')
    },
    with: (changes) => [...before, withProperty(options, 'headers', changed(options.headers, changes)), ...after],
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

function byName(entries: readonly (readonly [unknown, unknown])[]): ReadonlyMap<string, readonly unknown[]> {
  const values = new Map<string, unknown[]>()
  for (const [rawName, value] of entries) {
    const name = String(rawName).toLowerCase()
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return values
}

/** The headers in the caller's form, changed. */
function changed(headers: unknown, { headers: added, dropped }: HeaderChanges): unknown {
  const gone = new Set([...dropped, ...added.map(([name]) => name)])
  const kept = (entriesOf(headers) ?? []).filter(([name]) => !gone.has(String(name).toLowerCase()))
  const all = [...kept, ...added]
  if (!Array.isArray(headers)) return Object.fromEntries(all)
  return isFlat(headers) ? all.flat() : all
}
