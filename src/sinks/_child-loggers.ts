import type { Field, LoggedError } from '../record/field-types.ts'
import { FIELD_NAMES, FIELDS } from '../record/record.ts'
import type { LineLevel } from '../record/line.ts'
import { bindingsOf, getInternal, setInternal, type PinoLogger } from './pino-internals.ts'

type Fields = Readonly<Record<string, unknown>>

/** Writes a line with these fields after the constant ones. */
export type LineWriter = (level: LineLevel, fields: Fields, message: string) => void

/** The members of a child logger that are used. */
type Child = { setBindings(bindings: Fields): void } & Readonly<
  Record<string, (fields: Fields, message?: string) => void>
>

/** Names that a logger must not add; our mixin adds `x_trace_id` to lines whose `trace_id` is another one. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([...FIELD_NAMES, 'x_trace_id'])

/** The fields that a formatter cannot change. */
const IDENTITY_FIELDS: ReadonlySet<string> = new Set(
  Object.entries<Field>(FIELDS)
    .filter(([, { identity }]) => identity === true)
    .map(([name]) => name),
)

/**
 * Children of a user's pino logger, whose lines have no key twice. Readers keep the last value of a doubled key, so
 * that a binding or a mixin could replace the trace id.
 *
 * The lines have what the logger adds, except under the names of our own fields. Its formatter and its serializer may
 * change the values of our fields, but not those that identify the request and the step.
 */
export class ChildLoggers {
  readonly #logger: PinoLogger
  readonly #levels: Readonly<Record<LineLevel, string>>
  readonly #options: object
  readonly #messageKey: string
  readonly #formatter: ((line: Fields) => Fields | undefined) | undefined
  /** A mixin or a formatter adds fields at the time of writing, so every line is checked. */
  readonly #needsCheck: boolean
  /** Our fields of the line that is being written. */
  #currentFields: Fields = {}

  constructor(logger: PinoLogger) {
    this.#logger = logger
    // The casts name the shapes that pino gives to these parts of a logger.
    this.#messageKey = (getInternal(logger, 'messageKey') as string | undefined) ?? 'msg'
    this.#formatter = (getInternal(logger, 'formatters') as { log?: (line: Fields) => Fields | undefined } | undefined)
      ?.log
    this.#needsCheck = getInternal(logger, 'mixin') !== undefined || this.#formatter !== undefined
    this.#levels = { info: levelIn(logger, 'info'), warn: levelIn(logger, 'warn'), error: levelIn(logger, 'error') }
    const level =
      logger.level === 'silent' || logger.isLevelEnabled(this.#levels.info) ? {} : { level: this.#levels.info }
    this.#options = { ...level, ...errorSerializer(logger) }
  }

  /** A writer of lines with these constant fields. A `service` that the logger binds replaces ours. */
  writer(constant: Fields): LineWriter {
    const boundNames = new Set<string>()
    const formatters = { log: (line: Fields) => this.#checkFields(line, boundNames) }
    // A child of any pino has these members.
    const child = this.#logger.child({}, this.#needsCheck ? { ...this.#options, formatters } : this.#options) as Child
    // Read from the child, because the user's `onChild` may have bound more.
    const bindings = Object.entries(bindingsOf(child)).filter(([key]) => key === 'service' || this.#isFree(key))
    setInternal(
      child,
      'chindings',
      bindings.map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join(''),
    )
    for (const [key] of bindings) boundNames.add(key)
    child.setBindings(Object.fromEntries(Object.entries(constant).filter(([key]) => !boundNames.has(key))))
    // If the message key is the name of one of our fields, the message would be a second value of it.
    const omitMessage = this.#messageKey !== 'msg' && RESERVED_NAMES.has(this.#messageKey)
    return (level, fields, message) => {
      // A mixin may write a line of its own while this one is being written.
      const outer = this.#currentFields
      this.#currentFields = fields
      try {
        child[this.#levels[level]]?.(fields, omitMessage ? undefined : message)
      } finally {
        this.#currentFields = outer
      }
    }
  }

  #isFree(key: string): boolean {
    return !RESERVED_NAMES.has(key) && key !== this.#messageKey
  }

  /** Our fields of the line, then what the logger has added under other names. */
  #checkFields(merged: Fields, boundNames: ReadonlySet<string>): Fields {
    const ours = this.#currentFields
    const line = this.#addFree({ ...ours }, merged, boundNames)
    if (this.#formatter === undefined) return line
    const formatted = this.#formatter(line) ?? {}
    const oursFormatted = Object.entries(ours).map(
      ([key, value]) => [key, IDENTITY_FIELDS.has(key) ? value : formatted[key]] as const,
    )
    return this.#addFree(Object.fromEntries(oursFormatted), formatted, boundNames)
  }

  #addFree(line: Record<string, unknown>, from: Fields, boundNames: ReadonlySet<string>): Fields {
    for (const key of Object.keys(from)) if (this.#isFree(key) && !boundNames.has(key)) line[key] = from[key]
    return line
  }
}

const LEVEL_NUMBERS: Readonly<Record<LineLevel, number>> = { info: 30, warn: 40, error: 50 }

/** The logger's name for a level. A logger with only custom levels gets the next higher one, or its highest. */
function levelIn({ levels }: PinoLogger, level: LineLevel): string {
  if (levels.values[level] !== undefined) return level
  const others = Object.entries(levels.values).sort(([, a], [, b]) => a - b)
  return (others.find(([, value]) => value >= LEVEL_NUMBERS[level]) ?? others.at(-1))?.[0] ?? level
}

/**
 * Applies the user's serializer to the `error` field, so that it can mask the message. Our error is a plain object, for
 * which pino's own serializer would write the type `Object`, so the type stays ours.
 */
function errorSerializer(logger: PinoLogger): object {
  // The shape that pino gives to this part of a logger.
  const serializers = (getInternal(logger, 'serializers') ?? {}) as Readonly<
    Record<string, ((value: unknown) => unknown) | undefined>
  >
  const serialize = serializers.error ?? (getInternal(logger, 'errorKey') === 'error' ? serializers.err : undefined)
  if (serialize === undefined) return {}
  const error = (logged: LoggedError): unknown => {
    const serialized = serialize({ ...logged })
    const message: unknown =
      typeof serialized === 'object' && serialized !== null && 'message' in serialized ? serialized.message : serialized
    return typeof message === 'string' ? { ...logged, message } : serialized
  }
  return { serializers: { error } }
}
