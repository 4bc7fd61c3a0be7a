import type { Tracker } from '../src/handlers/tracker.ts'

/** Makes one access to the inner parts of a tracker throw: any part of tracking may fail. */
export interface Faults {
  /** Lets the access with this number fail, from now on; without a number none. */
  readonly arm: (at?: number) => void
  /** How many accesses there were since then. */
  readonly accesses: () => number
}

/**
 * Makes a tracker faulty. Only what reports errors stays as it is.
 *
 * @param tracker its core is what adapters and requests use for everything that they do
 */
export function makeFaulty(tracker: Tracker): Faults {
  let [count, failing] = [0, 0]
  const access = (name: string): void => {
    count += 1
    if (count === failing) throw new Error(`fault ${String(count)}: ${name}`)
  }
  const faulty = (target: object, spared: Readonly<Record<string, unknown>>): object =>
    // Not a proxy of the target itself: a frozen one would allow no other values.
    new Proxy(Object.create(Object.getPrototypeOf(target) as object) as object, {
      get(_, key) {
        const name = String(key)
        if (Object.hasOwn(spared, name)) return spared[name]
        access(name)
        const value: unknown = Reflect.get(target, key, target)
        // A class with private fields works on itself only.
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  const settings = faulty(tracker.core.settings, { errors: tracker.core.settings.errors })
  Object.defineProperty(tracker, 'core', { value: faulty(tracker.core, { settings }) })
  return {
    arm: (at = 0) => {
      ;[count, failing] = [0, at]
    },
    accesses: () => count,
  }
}
