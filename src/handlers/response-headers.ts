import type { ServerResponse } from 'node:http'

/**
 * The arguments of `writeHead` with more headers. What the caller passed keeps its form and its order, without headers
 * of these names.
 *
 * Where the response has headers that were set before, Node merges all of them, so these are set too. Otherwise Node
 * writes the caller's as they are, repeated ones too, and so these have to be among them.
 */
export function withHeaders(
  res: Pick<ServerResponse, 'setHeader' | 'getHeaderNames'>,
  args: readonly unknown[],
  headers: Readonly<Record<string, string>>,
): readonly unknown[] {
  const at = typeof args[1] === 'string' || (args[2] !== undefined && args[2] !== null) ? 2 : 1
  const given = args[at]
  const isGiven = typeof given === 'object' && given !== null
  if (!isGiven || res.getHeaderNames().length > 0) {
    for (const name in headers) res.setHeader(name, headers[name] ?? '')
    return isGiven ? args.with(at, without(given, headers)) : args
  }
  return args.with(at, withAll(given, headers))
}

/** A copy of headers, as an object, as pairs, or as a flat list, with others added. */
export function withAll(given: object, headers: Readonly<Record<string, string>>): object {
  const kept = without(given, headers)
  if (!Array.isArray(kept)) return { ...kept, ...headers }
  const added = Object.entries(headers)
  return [...(kept as unknown[]), ...(Array.isArray(kept[0]) ? added : added.flat())]
}

/** The headers without those of some names; the same object if it has none of them. */
function without(given: object, names: Readonly<Record<string, string>>): object {
  const isNamed = (name: unknown): boolean => typeof name === 'string' && Object.hasOwn(names, name.toLowerCase())
  if (!Array.isArray(given)) {
    const named = Object.keys(given).filter(isNamed)
    if (named.length === 0) return given
    const copy = { ...given }
    for (const name of named) Reflect.deleteProperty(copy, name)
    return copy
  }
  if (Array.isArray(given[0])) return given.filter((pair: readonly unknown[]) => !isNamed(pair[0]))
  return given.filter((_, index) => !isNamed(given[index - (index % 2)]))
}
