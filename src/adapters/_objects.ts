/** An object whose properties are not known. */
export type UnknownObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is UnknownObject {
  return typeof value === 'object' && value !== null
}

/** A copy of an object with one property changed; class, getters and all other properties are kept. */
export function withProperty<T extends object>(object: T, key: string, value: unknown): T {
  const descriptors = {
    ...Object.getOwnPropertyDescriptors(object),
    [key]: { value, enumerable: true, writable: true, configurable: true },
  }
  // A copy has the type of its original.
  return Object.create(Object.getPrototypeOf(object) as object | null, descriptors) as T
}
