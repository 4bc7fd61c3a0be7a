import { readHeader, toText, type Carrier } from './carrier.ts'

/**
 * What came in with a request under the names of our headers, by name in lower case; undefined if nothing did.
 *
 * It distinguishes a header that was copied from the request from one that the application has set.
 */
export type Received = Readonly<Record<string, string | readonly string[]>>

/** Names of headers in lower case, and the same by their length: most keys of a carrier have another one. */
export interface HeaderNames {
  readonly all: readonly string[]
  readonly byLength: readonly (readonly string[])[]
}

export function headerNames(names: readonly string[]): HeaderNames {
  const longest = Math.max(...names.map(({ length }) => length))
  const ofLength = (length: number): readonly string[] => names.filter((name) => name.length === length)
  return { all: names, byLength: Array.from({ length: longest + 1 }, (_, length) => ofLength(length)) }
}

/**
 * Takes the values under these names from what came in. They are copied, since the owner of a carrier may change it
 * later.
 *
 * Never throws, even if the carrier's getters do.
 */
export function receivedFrom(carrier: Carrier, names: HeaderNames): Received | undefined {
  if (typeof carrier !== 'object' || carrier === null) return undefined
  let received: Record<string, string | readonly string[]> | undefined
  for (const name of namesIn(carrier, names)) {
    const value = readHeader(carrier, name)
    if (value !== undefined) (received ??= {})[name] = value
  }
  return received
}

/** Whether a value is what came in under this name, as one text or as a list in any form. */
export function isReceived(received: Received | undefined, name: string, value: unknown): boolean {
  const came = received?.[name]
  return came !== undefined && (came === value || joined(came) === joined(value))
}

/** A carrier with `get` is asked for every name. The keys of any other are walked once: most have none of them. */
function namesIn(carrier: object, { all, byLength }: HeaderNames): readonly string[] {
  try {
    if ('get' in carrier && typeof carrier.get === 'function') return all
    let found: string[] | undefined
    for (const key in carrier) {
      const names = byLength[key.length]
      if (names === undefined || names.length === 0) continue
      const name = key.toLowerCase()
      if (names.includes(name)) (found ??= []).push(name)
    }
    return found ?? NONE
  } catch {
    return NONE
  }
}

const NONE: readonly string[] = []

/** A repeated header is a list, or one text with commas. */
function joined(value: unknown): string {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const texts = values.flatMap(toText).flatMap((text) => text.split(','))
  return texts.map((text) => text.trim()).join()
}
