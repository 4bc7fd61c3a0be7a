import { FIELDS, type LineLevel } from '../record/line.ts'
import type { LoggedError } from '../record/record.ts'
import type { PinoLogger } from './pino.ts'
import { bindingsOf, getInternal, setInternal } from './pino-internals.ts'

type Fields = Readonly<Record<string, unknown>>

/** Writes a line with these fields beside the constant ones. */
export type LineWriter = (level: LineLevel, fields: Fields, message: string) => void

/** What of a child logger is used. */
type Child = { setBindings(bindings: Fields): void } & Readonly<
  Record<string, (fields: Fields, message?: string) => void>
>

/** What names a line and the step that it tells: nobody else decides it. */
const IDENTIFYING_FIELDS: ReadonlySet<string> = new Set([
  'lifecycle',
  'event',
  'from',
  'state',
  'trace_id',
  'request_id',
  'seq',
  'attempt',
])

/** The names that are ours on whatever line; `x_trace_id` is the trace id again, where a mixin stamps it beside another one. */
const OWN_FIELDS: ReadonlySet<string> = new Set([...FIELDS, 'x_trace_id'])

/**
 * Children of a user's pino, for lines on which no key is written twice: a reader keeps the last value of one that is,
 * so that a binding or a mixin could take over the trace id.
 *
 * What the logger adds stands on these lines too, except under the names of our own fields. Its formatter and its
 * serializer may change what a line tells, but not what names it.
 */
export class ChildLoggers {
  readonly #logger: PinoLogger
  readonly #levels: Readonly<Record<LineLevel, string>>
  readonly #options: object
  readonly #messageKey: string
  readonly #formatter: ((line: Fields) => Fields | undefined) | undefined
  /** Something adds to the lines as they are written: each has to be looked at. */
  readonly #needsCheck: boolean
  /** The fields of the line that is being written. */
  #currentFields: Fields = {}

  constructor(logger: PinoLogger) {
    this.#logger = logger
    // The shapes that pino gives to these parts of a logger.
    this.#messageKey = (getInternal(logger, 'messageKey') as string | undefined) ?? 'msg'
    this.#formatter = (getInternal(logger, 'formatters') as { log?: (line: Fields) => Fields | undefined } | undefined)
      ?.log
    this.#needsCheck = getInternal(logger, 'mixin') !== undefined || this.#formatter !== undefined
    this.#levels = { info: levelIn(logger, 'info'), warn: levelIn(logger, 'warn'), error: levelIn(logger, 'error') }
    const level =
      logger.level === 'silent' || logger.isLevelEnabled(this.#levels.info) ? {} : { level: this.#levels.info }
    this.#options = { ...level, ...errorSerializer(logger) }
  }

  /** A writer of lines that all have these fields; a `service` that the logger binds stays instead of ours. */
  writer(constant: Fields): LineWriter {
    const held = new Set<string>()
    const formatters = { log: (line: Fields) => this.#checkFields(line, held) }
    // A child of any pino has these members.
    const child = this.#logger.child({}, this.#needsCheck ? { ...this.#options, formatters } : this.#options) as Child
    // Asked of the child: an `onChild` of the user's may have bound more.
    const theirs = Object.entries(bindingsOf(child)).filter(([key]) => key === 'service' || this.#isFree(key))
    setInternal(
      child,
      'chindings',
      theirs.map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join(''),
    )
    for (const [key] of theirs) held.add(key)
    child.setBindings(Object.fromEntries(Object.entries(constant).filter(([key]) => !held.has(key))))
    // Under a name of ours a message would be that key's second value.
    const silent = this.#messageKey !== 'msg' && OWN_FIELDS.has(this.#messageKey)
    return (level, fields, message) => {
      // A mixin may tell something of a request itself, in the middle of this line.
      const outer = this.#currentFields
      this.#currentFields = fields
      try {
        child[this.#levels[level]]?.(fields, silent ? undefined : message)
      } finally {
        this.#currentFields = outer
      }
    }
  }

  #isFree(key: string): boolean {
    return !OWN_FIELDS.has(key) && key !== this.#messageKey
  }

  /** What a line tells, and then what has been added to it under names that nobody has yet. */
  #checkFields(merged: Fields, held: ReadonlySet<string>): Fields {
    const told = this.#currentFields
    const line = this.#add({ ...told }, merged, held)
    if (this.#formatter === undefined) return line
    const formatted = this.#formatter(line) ?? {}
    const ours = Object.entries(told).map(
      ([key, value]) => [key, IDENTIFYING_FIELDS.has(key) ? value : formatted[key]] as const,
    )
    return this.#add(Object.fromEntries(ours), formatted, held)
  }

  #add(line: Record<string, unknown>, from: Fields, held: ReadonlySet<string>): Fields {
    for (const key of Object.keys(from)) if (this.#isFree(key) && !held.has(key)) line[key] = from[key]
    return line
  }
}

const LEVEL_NUMBERS: Readonly<Record<LineLevel, number>> = { info: 30, warn: 40, error: 50 }

/** The logger's name for a level: where it has only levels of its own, the next higher one, else the highest. */
function levelIn({ levels }: PinoLogger, level: LineLevel): string {
  if (levels.values[level] !== undefined) return level
  const others = Object.entries(levels.values).sort(([, a], [, b]) => a - b)
  return (others.find(([, value]) => value >= LEVEL_NUMBERS[level]) ?? others.at(-1))?.[0] ?? level
}

/**
 * A serializer of the user's for what stands under `error`, which may mask its message. What we tell there is a plain
 * object: left alone, pino's own serializer would say that its type is `Object`.
 */
function errorSerializer(logger: PinoLogger): object {
  // The shape that pino gives to this part of a logger.
  const serializers = (getInternal(logger, 'serializers') ?? {}) as Readonly<
    Record<string, ((value: unknown) => unknown) | undefined>
  >
  const serialize = serializers.error ?? (getInternal(logger, 'errorKey') === 'error' ? serializers.err : undefined)
  if (serialize === undefined) return {}
  const error = (told: LoggedError): unknown => {
    const serialized = serialize({ ...told })
    const message: unknown =
      typeof serialized === 'object' && serialized !== null && 'message' in serialized ? serialized.message : serialized
    return typeof message === 'string' ? { ...told, message } : serialized
  }
  return { serializers: { error } }
}
