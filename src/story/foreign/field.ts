/**
 * Reads a field of a parsed object by its dotted name. The whole name as a key comes first, then the first part as the
 * key of a nested object.
 *
 * @returns undefined for a missing or inherited field
 */
export function fieldOf(fields: object, name: string): unknown {
  if (Object.hasOwn(fields, name)) return valueOf(fields, name)
  const dot = name.indexOf('.')
  if (dot === -1) return undefined
  const head = name.slice(0, dot)
  const nested = Object.hasOwn(fields, head) ? valueOf(fields, head) : undefined
  return isObject(nested) ? fieldOf(nested, name.slice(dot + 1)) : undefined
}

/** The value of the first of these fields that `read` accepts. */
export function firstOf<T>(
  fields: object,
  names: readonly string[],
  read: (value: unknown) => T | undefined,
): T | undefined {
  for (const name of names) {
    const value = read(fieldOf(fields, name))
    if (value !== undefined) return value
  }
  return undefined
}

/** True for a JSON object or array. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function valueOf(fields: object, key: string): unknown {
  // A parsed object may hold anything under any key.
  return (fields as Readonly<Record<string, unknown>>)[key]
}
