/** How a request ended. The state says how far it got, the outcome how it went. */
export type Outcome = 'ok' | 'error' | 'aborted' | 'denied'

/** An error as it is logged. */
export interface LoggedError {
  readonly type: string
  readonly message: string
  /** The message was truncated. */
  readonly cut?: true
}

/** The kinds of lines. */
export type Lifecycle = 'transition' | 'note' | 'rejected' | 'stuck'

/** What each kind of field holds in a record. */
interface RecordValues {
  readonly time: number
  readonly lifecycle: Lifecycle
  readonly string: string
  readonly 'trace-id': string
  readonly 'request-id': string
  readonly integer: number
  readonly number: number
  /** A duration: most are short and occur again, so their text is cached. */
  readonly milliseconds: number
  readonly true: true
  readonly outcome: Outcome
  readonly error: LoggedError
  readonly data: unknown
}

/** The kinds of fields that a record does not have: the writer derives them from the record. */
export type LineOnlyKind = 'level' | 'message'

export type FieldKind = keyof RecordValues | LineOnlyKind

/**
 * The lines that can have a field:
 *
 * - `all`: every line
 * - `resumed`: every line of a resumed request
 * - `not-first`: notes, and the transitions with a `seq` above 0
 * - `transition`: the transitions
 * - `first`: the transition with `seq` 0
 * - `step`: the transitions with a `seq` above 0
 * - `final`: the transition to a final state
 */
export type FieldLines = 'all' | 'resumed' | 'not-first' | 'transition' | 'first' | 'step' | 'final'

/** Whether a kind of line can have a field. Which of its transitions can, only the field says. */
export function canHave(lifecycle: Lifecycle, on: FieldLines): boolean {
  return lifecycle === 'transition' || on === 'all' || on === 'resumed' || on === 'not-first'
}

/** One field of a line. */
export interface Field<Kind extends FieldKind = FieldKind> {
  readonly kind: Kind
  readonly on: FieldLines
  /**
   * Whether each of those lines has the field:
   *
   * - `essential`: yes, and readers count a line without it as damaged
   * - `required`: yes, but readers accept a line without it
   * - `optional`: no
   */
  readonly presence: 'essential' | 'required' | 'optional'
  /** The longest value, in bytes; of an error, its message. */
  readonly maxBytes?: number
  /** Whether an audit depends on the value. */
  readonly audited: boolean
  /** Whether it names the request or the step. The formatter of a user's logger cannot change such a field. */
  readonly identity?: true
}

/** Fields by name, in the order in which they are written. */
export type Fields = Readonly<Record<string, Field>>

/** The keys of any member of a union, and the values that one of them has. */
type KeyOf<R> = R extends unknown ? keyof R : never
type ValueOf<R, Name> = R extends unknown ? (Name extends keyof R ? Exclude<R[Name], undefined> : never) : never
type KindsFor<V> = {
  [Kind in keyof RecordValues]: [V, RecordValues[Kind]] extends [RecordValues[Kind], V] ? Kind : never
}[keyof RecordValues]

/**
 * A row for each key of the records of type `R`, of a kind that holds its values, and one for each field of the line
 * only.
 */
export type FieldTable<R> = {
  readonly [Name in KeyOf<R>]: Field<KindsFor<ValueOf<R, Name>>>
} & { readonly level: Field<'level'>; readonly msg: Field<'message'> }
