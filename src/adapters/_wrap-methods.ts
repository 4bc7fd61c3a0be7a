/** Any function: a host's method, or what its user gives it to be called back. */
export type AnyFunction = (...args: unknown[]) => unknown

/** Makes a method anew from the original, which is bound to its object, and the overlay that it will belong to. */
export type MethodWrapper = (original: AnyFunction, overlaid: object) => AnyFunction

/** Overlays by the object that they stand for, and by themselves: nothing is overlaid twice. */
const overlays = new WeakMap<object, object>()

/**
 * The same object, some of whose methods do more.
 *
 * All else is the object's own and is called on the object itself, which may keep private fields that no proxy
 * reaches. A method that gives back its object (`on`) gives back the overlay. The object itself stays as it was.
 *
 * @param known those that there are already: by default all that users were given
 */
export function wrapMethods<T extends object>(
  target: T,
  replacements: Readonly<Record<string, MethodWrapper>>,
  known = overlays,
): T {
  const found = known.get(target)
  // What is filed under an object stands for that object, and has its type.
  if (found !== undefined) return found as T
  const methods = new Map<string | symbol, { own: AnyFunction; method: AnyFunction }>()
  const proxy: T = new Proxy(target, {
    get(_, key) {
      const own: unknown = Reflect.get(target, key, target)
      if (!isFunction(own) || key === 'constructor') return own
      const cached = methods.get(key)
      // pg gives a client a new `release` each time that it leaves the pool.
      if (cached?.own === own) return cached.method
      const method = overlaid(
        own,
        target,
        proxy,
        Object.hasOwn(replacements, key) ? replacements[String(key)] : undefined,
      )
      methods.set(key, { own, method })
      return method
    },
    set: (_, key, value) => Reflect.set(target, key, value),
  })
  known.set(target, proxy)
  known.set(proxy, proxy)
  return proxy
}

/** The method still, with what may hang on it, but called on the object itself. */
function overlaid(
  own: AnyFunction,
  target: object,
  proxy: object,
  replacement: MethodWrapper | undefined,
): AnyFunction {
  const replaced = replacement?.((...args) => Reflect.apply(own, target, args), proxy)
  return new Proxy(own, {
    apply(_, self: unknown, args: unknown[]) {
      const result =
        replaced === undefined ? Reflect.apply(own, self === proxy ? target : self, args) : replaced(...args)
      return result === target ? proxy : result
    },
  })
}

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}
