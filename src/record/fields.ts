import type { LifecycleRecord, LoggedError, NoteRecord, Outcome, TransitionRecord } from './record.ts'

/** What each kind of field holds in a record. */
interface RecordValues {
  readonly time: number
  readonly lifecycle: LifecycleRecord['lifecycle']
  readonly string: string
  readonly 'trace-id': string
  readonly 'request-id': string
  readonly integer: number
  readonly number: number
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

type Value<Of, Name> = Name extends keyof Of ? Exclude<Of[Name], undefined> : never
type RecordFieldName = keyof TransitionRecord | keyof NoteRecord
type RecordValue<Name> = Value<TransitionRecord, Name> | Value<NoteRecord, Name>
type KindsFor<V> = {
  [Kind in keyof RecordValues]: [V, RecordValues[Kind]] extends [RecordValues[Kind], V] ? Kind : never
}[keyof RecordValues]

/** A row for each key of a record, of a kind that holds its values, and one for each field of the line only. */
export type FieldTable = {
  readonly [Name in RecordFieldName]: Field<KindsFor<RecordValue<Name>>>
} & { readonly level: Field<'level'>; readonly msg: Field<'message'> }

/** The longest name of a service, an event, a method or the type of an error, in bytes. */
export const NAME_BYTES = 64

/**
 * The fields of a line, in the order in which they are written.
 *
 * The reader, the scanner and the limits are derived from this table. Where speed or another format needs the fields
 * written out, a test compares that place with the table and names the fields that it lacks.
 */
export const FIELDS = {
  level: { kind: 'level', on: 'all', presence: 'optional', audited: false },
  time: { kind: 'time', on: 'all', presence: 'essential', audited: true },
  service: { kind: 'string', on: 'all', presence: 'required', maxBytes: NAME_BYTES, audited: true },
  lifecycle: { kind: 'lifecycle', on: 'all', presence: 'essential', audited: true, identity: true },
  event: { kind: 'string', on: 'not-first', presence: 'required', maxBytes: NAME_BYTES, audited: true, identity: true },
  from: { kind: 'string', on: 'step', presence: 'required', audited: true, identity: true },
  state: { kind: 'string', on: 'all', presence: 'essential', audited: true, identity: true },
  trace_id: { kind: 'trace-id', on: 'all', presence: 'essential', maxBytes: 128, audited: true, identity: true },
  request_id: { kind: 'request-id', on: 'all', presence: 'essential', maxBytes: 16, audited: true, identity: true },
  seq: { kind: 'integer', on: 'transition', presence: 'essential', audited: true, identity: true },
  dwell_ms: { kind: 'number', on: 'step', presence: 'optional', audited: true },
  parent_id: { kind: 'request-id', on: 'first', presence: 'optional', maxBytes: 16, audited: false },
  method: { kind: 'string', on: 'first', presence: 'optional', maxBytes: NAME_BYTES, audited: false },
  path: { kind: 'string', on: 'first', presence: 'optional', maxBytes: 512, audited: false },
  rejected_id: { kind: 'true', on: 'first', presence: 'optional', audited: false },
  rejected_length: { kind: 'integer', on: 'first', presence: 'optional', audited: false },
  implied: { kind: 'true', on: 'step', presence: 'optional', audited: false },
  outcome: { kind: 'outcome', on: 'final', presence: 'required', audited: false },
  status: { kind: 'number', on: 'final', presence: 'optional', audited: false },
  duration_ms: { kind: 'number', on: 'final', presence: 'optional', audited: false },
  calls: { kind: 'integer', on: 'step', presence: 'optional', audited: false },
  attempt: { kind: 'integer', on: 'resumed', presence: 'optional', audited: true, identity: true },
  due: { kind: 'number', on: 'all', presence: 'optional', audited: true },
  error: { kind: 'error', on: 'all', presence: 'optional', maxBytes: 1_000, audited: true },
  data: { kind: 'data', on: 'all', presence: 'optional', maxBytes: 1_000, audited: true },
  msg: { kind: 'message', on: 'all', presence: 'optional', audited: false },
} as const satisfies FieldTable

export const FIELD_NAMES: readonly string[] = Object.keys(FIELDS)

/** Whether a kind of line can have a field. Which of its transitions can, only the field says. */
export function canHave(lifecycle: LifecycleRecord['lifecycle'], on: FieldLines): boolean {
  return lifecycle === 'transition' || on === 'all' || on === 'resumed' || on === 'not-first'
}
