/**
 * What pino keeps of a logger under a symbol. Each copy of pino that a process has loaded has symbols of its own, so they
 * are told by their names, which are the same in all.
 */
export type PinoSymbol = 'chindings' | 'errorKey' | 'formatters' | 'messageKey' | 'mixin' | 'serializers' | 'stream'

const symbolCache = new Map<PinoSymbol, symbol[]>()

function symbolOf(logger: object, part: PinoSymbol): symbol | undefined {
  const symbols = symbolCache.get(part) ?? []
  const seen = symbols.find((symbol) => symbol in logger)
  if (seen !== undefined) return seen
  for (let at: object | null = logger; at !== null; at = Reflect.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === `pino.${part}`)
    if (symbol === undefined) continue
    symbolCache.set(part, [...symbols, symbol])
    return symbol
  }
  return undefined
}

/** A part of a logger; undefined where it has none, or is no pino. */
export function getInternal(logger: object, part: PinoSymbol): unknown {
  const symbol = symbolOf(logger, part)
  return symbol === undefined ? undefined : (Reflect.get(logger, symbol) as unknown)
}

/** Replaces a part of a logger that we have made; a child shadows its parent's, which stays as it was. */
export function setInternal(logger: object, part: PinoSymbol, value: unknown): void {
  const symbol = symbolOf(logger, part)
  if (symbol !== undefined) Reflect.set(logger, symbol, value)
}

/** What a logger writes on each of its lines, as an object: of a key that is bound twice the last value. */
export function bindingsOf(logger: object): Readonly<Record<string, unknown>> {
  const text = getInternal(logger, 'chindings')
  if (typeof text !== 'string') return {}
  try {
    // It begins with a comma, and what pino writes as an object is one.
    return JSON.parse(`{${text.slice(1)}}`) as Readonly<Record<string, unknown>>
  } catch {
    // A serializer of the user's that writes no JSON: no reader will know what is bound either.
    return {}
  }
}

/** What a logger binds to a key; asked for every line, so that what is not there costs next to nothing. */
export function boundValue(logger: object, key: string): unknown {
  const text = getInternal(logger, 'chindings')
  return typeof text === 'string' && text.includes(`"${key}":`) ? bindingsOf(logger)[key] : undefined
}
