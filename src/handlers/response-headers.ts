import type { ServerResponse } from 'node:http'

/**
 * The arguments of `writeHead` with the trace id. What the caller passed keeps its form and its order, without headers
 * of these names.
 *
 * Where the response has headers that were set before, Node merges all of them, so the id is set too. Otherwise Node
 * writes the caller's as they are, repeated ones too, and so the id has to be among them.
 *
 * @param names the id's headers, in lower case
 */
export function withIdHeaders(
  res: Pick<ServerResponse, 'setHeader' | 'getHeaderNames'>,
  args: readonly unknown[],
  names: readonly string[],
  traceId: string,
): readonly unknown[] {
  const at = typeof args[1] === 'string' || (args[2] !== undefined && args[2] !== null) ? 2 : 1
  const given = args[at]
  const isGiven = typeof given === 'object' && given !== null
  if (!isGiven || res.getHeaderNames().length > 0) {
    for (const name of names) res.setHeader(name, traceId)
    return isGiven ? args.with(at, without(given, names)) : args
  }
  return args.with(at, withId(given, names, traceId))
}

/** A copy of headers, as an object, as pairs, or as a flat list, with the trace id. */
export function withId(given: object, names: readonly string[], traceId: string): object {
  const kept = without(given, names)
  const added = names.map((name) => [name, traceId] as const)
  if (!Array.isArray(kept)) return { ...kept, ...Object.fromEntries(added) }
  return [...(kept as unknown[]), ...(Array.isArray(kept[0]) ? added : added.flat())]
}

/** The headers without those of some names; the same object if it has none of them. */
function without(given: object, names: readonly string[]): object {
  const isNamed = (name: unknown): boolean => typeof name === 'string' && names.includes(name.toLowerCase())
  if (!Array.isArray(given)) {
    const named = Object.keys(given).filter(isNamed)
    if (named.length === 0) return given
    const copy = { ...given }
    for (const name of named) Reflect.deleteProperty(copy, name)
    return copy
  }
  const list: readonly unknown[] = given
  if (Array.isArray(list[0])) return list.filter((pair) => !(Array.isArray(pair) && isNamed(pair[0])))
  return list.filter((_, index) => !isNamed(list[index - (index % 2)]))
}
