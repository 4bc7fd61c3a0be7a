/** Any function: a host's method, or a callback. */
export type AnyFunction = (...args: unknown[]) => unknown

/**
 * Makes a wrapped method.
 *
 * @param original the method, bound to its object
 * @param wrapped the wrapped object
 */
export type MethodWrapper = (original: AnyFunction, wrapped: object) => AnyFunction

/** Wrapped objects by their originals, and by themselves, so that nothing is wrapped twice. */
const wrappedObjects = new WeakMap<object, object>()

/**
 * A proxy of an object with some of its methods wrapped; the object itself is not changed.
 *
 * All other members are read from the object, and methods run on it, since it may have private fields, which a proxy
 * cannot reach. A method that returns its object (`on`) returns the proxy.
 *
 * @param known the objects that are already wrapped: by default all that users received
 */
export function wrapMethods<T extends object>(
  target: T,
  wrappers: Readonly<Record<string, MethodWrapper>>,
  known = wrappedObjects,
): T {
  const existing = known.get(target)
  // The value under an object is its proxy, which has its type.
  if (existing !== undefined) return existing as T
  const methods = new Map<string | symbol, { original: AnyFunction; method: AnyFunction }>()
  const proxy: T = new Proxy(target, {
    get(_, key) {
      const original: unknown = Reflect.get(target, key, target)
      if (!isFunction(original) || key === 'constructor') return original
      const cached = methods.get(key)
      // pg gives a client a new `release` each time that it leaves the pool.
      if (cached?.original === original) return cached.method
      const wrapper = Object.hasOwn(wrappers, key) ? wrappers[String(key)] : undefined
      const method = wrapMethod(original, target, proxy, wrapper)
      methods.set(key, { original, method })
      return method
    },
    set: (_, key, value) => Reflect.set(target, key, value),
  })
  known.set(target, proxy)
  known.set(proxy, proxy)
  return proxy
}

/** A proxy of a method, which keeps the method's properties and runs it on the original object. */
function wrapMethod(
  original: AnyFunction,
  target: object,
  proxy: object,
  wrapper: MethodWrapper | undefined,
): AnyFunction {
  const wrapped = wrapper?.((...args) => Reflect.apply(original, target, args), proxy)
  return new Proxy(original, {
    apply(_, self: unknown, args: unknown[]) {
      const result =
        wrapped === undefined ? Reflect.apply(original, self === proxy ? target : self, args) : wrapped(...args)
      return result === target ? proxy : result
    },
  })
}

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}
