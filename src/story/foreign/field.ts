/**
 * What a parsed object has under a dotted name: the key as it stands first, else the rest of the name in what stands
 * under its first part.
 *
 * @returns undefined where there is nothing; never what objects inherit
 */
export function fieldOf(fields: object, name: string): unknown {
  if (Object.hasOwn(fields, name)) return valueOf(fields, name)
  const dot = name.indexOf('.')
  if (dot === -1) return undefined
  const head = name.slice(0, dot)
  const inner = Object.hasOwn(fields, head) ? valueOf(fields, head) : undefined
  return isObject(inner) ? fieldOf(inner, name.slice(dot + 1)) : undefined
}

/** The first of the names under which something stands that can be read. */
export function firstOf<T>(
  fields: object,
  names: readonly string[],
  read: (value: unknown) => T | undefined,
): T | undefined {
  for (const name of names) {
    const found = read(fieldOf(fields, name))
    if (found !== undefined) return found
  }
  return undefined
}

/** True for what JSON calls an object or an array. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function valueOf(fields: object, key: string): unknown {
  // The cast only names what a parsed object is: any key may hold anything.
  return (fields as Readonly<Record<string, unknown>>)[key]
}
