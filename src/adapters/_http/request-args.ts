import { urlToHttpOptions } from 'node:url'
import type { Destination } from './urls.ts'
import { withProperty, isRecord } from '../_send.ts'

/** One call of `request` or `get`, in whichever of their forms: (url, options, callback), (url, callback), (options, callback). */
export interface HttpCall {
  readonly destination: Destination
  /** Whether the caller set a header; its name in lower case. */
  readonly has: (name: string) => boolean
  /** The arguments of the call with more headers. What the caller gave stays as it was. */
  readonly with: (more: readonly Header[]) => readonly unknown[]
}

type Header = readonly [name: string, value: string]

/**
 * Reads a call. Its headers are added to the arguments and not to the request that it makes: of some requests (headers
 * in an array, `Expect: 100-continue`) node has rendered the head by then.
 *
 * @param protocol what the client speaks where nothing else is said
 * @returns undefined for a call that node will complain about
 * @throws what a URL or an option throws that cannot be read
 */
export function parseArgs([first, ...others]: readonly unknown[], protocol: string): HttpCall | undefined {
  const url = typeof first === 'string' ? new URL(first) : isUrl(first) ? first : undefined
  const [second] = others
  const given = url === undefined ? first : isRecord(second) ? second : {}
  if (!isRecord(given)) return undefined
  const entries = entriesOf(given.headers)
  if (entries === undefined) return undefined
  const own = new Map(entries.map(([name, value]) => [String(name).toLowerCase(), value]))
  const all: Readonly<Record<string, unknown>> = { ...(url === undefined ? {} : urlToHttpOptions(url)), ...given }
  const before = url === undefined ? [] : [first]
  const after = url === undefined || typeof second === 'function' ? others : others.slice(1)
  return {
    destination: destinationOf(all, own.get('host'), protocol),
    has: (name) => own.has(name),
    with: (more) => [...before, withProperty(given, 'headers', withMore(given.headers, more)), ...after],
  }
}

/** What node itself takes for a URL: any class of them, but nothing that the old `url.parse` gave. */
function isUrl(value: unknown): value is URL {
  return (
    isRecord(value) &&
    Boolean(value.href) &&
    Boolean(value.protocol) &&
    value.auth === undefined &&
    value.path === undefined
  )
}

function destinationOf(options: Readonly<Record<string, unknown>>, hostHeader: unknown, usual: string): Destination {
  const { protocol, hostname, host, port, path } = options
  return {
    protocol: firstText(protocol) ?? usual,
    host: firstText(hostname, host) ?? 'localhost',
    port,
    path,
    hostHeader,
  }
}

/** An empty text counts as none, as with node. */
function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '')
}

/** Undefined for a list that node refuses. */
function entriesOf(headers: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (!Array.isArray(headers)) return isRecord(headers) ? Object.entries(headers) : []
  // What stands in a list is not known.
  const list = headers as readonly unknown[]
  // Whoever gives one pair gives pairs; what is none throws here, and with node.
  if (!isFlat(list)) return (list as readonly (readonly [unknown, unknown])[]).map(([name, value]) => [name, value])
  return list.length % 2 === 0
    ? list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]] as const] : []))
    : undefined
}

/** Names and values in turn, and no pairs of them: node looks at the first. */
function isFlat([first]: readonly unknown[]): boolean {
  return !Array.isArray(first)
}

function withMore(headers: unknown, more: readonly Header[]): unknown {
  if (!Array.isArray(headers)) return { ...(isRecord(headers) ? headers : {}), ...Object.fromEntries(more) }
  return [...(headers as readonly unknown[]), ...(isFlat(headers) ? more.flat() : more)]
}
