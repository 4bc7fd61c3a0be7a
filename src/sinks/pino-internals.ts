/** The public members of a pino logger that are used. A pino logger of any version and configuration has them. */
export interface PinoLogger {
  readonly level: string
  readonly levels: { readonly values: Readonly<Record<string, number>> }
  isLevelEnabled(level: string): boolean
  child(bindings: object, options: object): unknown
  flush(): void
}

/**
 * The parts of a logger that pino keeps under symbols. Each copy of pino in a process has its own symbols, so they are
 * found by description, which is the same in all copies.
 */
export type PinoSymbol = 'chindings' | 'errorKey' | 'formatters' | 'messageKey' | 'mixin' | 'serializers' | 'stream'

const symbolCache = new Map<PinoSymbol, symbol[]>()

function symbolOf(logger: object, part: PinoSymbol): symbol | undefined {
  const symbols = symbolCache.get(part) ?? []
  const cached = symbols.find((symbol) => symbol in logger)
  if (cached !== undefined) return cached
  for (let at: object | null = logger; at !== null; at = Reflect.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === `pino.${part}`)
    if (symbol === undefined) continue
    symbolCache.set(part, [...symbols, symbol])
    return symbol
  }
  return undefined
}

/** A part of a logger; undefined if it has none or is not pino. */
export function getInternal(logger: object, part: PinoSymbol): unknown {
  const symbol = symbolOf(logger, part)
  return symbol === undefined ? undefined : (Reflect.get(logger, symbol) as unknown)
}

/** Replaces a part of a logger that we created. On a child this shadows the parent's part, which is unchanged. */
export function setInternal(logger: object, part: PinoSymbol, value: unknown): void {
  const symbol = symbolOf(logger, part)
  if (symbol !== undefined) Reflect.set(logger, symbol, value)
}

/** Whether a value is a pino logger, of any version: other loggers have some of its members, and work differently. */
export function isPino(value: unknown): value is PinoLogger {
  return (
    typeof value === 'object' &&
    value !== null &&
    'child' in value &&
    typeof value.child === 'function' &&
    typeof getInternal(value, 'chindings') === 'string'
  )
}

/** The fields that a logger binds to each of its lines. Of a key that is bound twice, the last value counts. */
export function bindingsOf(logger: object): Readonly<Record<string, unknown>> {
  const text = getInternal(logger, 'chindings')
  if (typeof text !== 'string') return {}
  try {
    // pino keeps the bindings as the text of an object's members, with a leading comma.
    return JSON.parse(`{${text.slice(1)}}`) as Readonly<Record<string, unknown>>
  } catch {
    // A serializer of the user wrote text that is not JSON: no reader can parse these lines either.
    return {}
  }
}

/** The value that a logger binds to a key. Called for every line, so a key that is absent costs almost nothing. */
export function boundValue(logger: object, key: string): unknown {
  const text = getInternal(logger, 'chindings')
  return typeof text === 'string' && text.includes(`"${key}":`) ? bindingsOf(logger)[key] : undefined
}
