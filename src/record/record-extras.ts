import type { Field } from './field-types.ts'
import { FIELDS, type LifecycleRecord, type TransitionRecord } from './record.ts'

/** What does not fit into a row of a batch. Few records have extras. */
export interface RecordExtras {
  /** The index of the row. */
  readonly at: number
  /** The ids as they are written, if they are not a UUID and 16 hex digits: on at least one record of each request. */
  readonly traceId?: string
  readonly requestId?: string
  readonly fields?: ExtraFields
}

/** The audited fields that a row holds, or its kind. All others are extras. */
const IN_ROWS = [
  'time',
  'service',
  'lifecycle',
  'event',
  'from',
  'state',
  'trace_id',
  'request_id',
  'seq',
  'dwell_ms',
  'implied',
  'attempt',
] as const

type Table = typeof FIELDS
type AuditedName = { [Name in keyof Table]: Table[Name]['audited'] extends true ? Name : never }[keyof Table]
type ExtraName = Exclude<AuditedName, (typeof IN_ROWS)[number]>

/** The audited fields that have no place in a row; of `data` only its `error`. */
export type ExtraFields = Partial<Pick<TransitionRecord, ExtraName>>

// The same rule as that of the type.
const EXTRA_NAMES = Object.entries<Field>(FIELDS)
  .filter(([name, { audited }]) => audited && !IN_ROWS.some((other) => other === name))
  .map(([name]) => name) as readonly ExtraName[]

/** The extra fields of a record; undefined if it has none. */
export function extraFieldsOf(record: LifecycleRecord): ExtraFields | undefined {
  const values: ExtraFields = record
  let extras: Record<string, unknown> | undefined
  for (const name of EXTRA_NAMES) {
    const value = name === 'data' ? errorOf(record.data) : values[name]
    if (value !== undefined) (extras ??= {})[name] = value
  }
  return extras
}

/** The only part of the application's data that an audit shows is the error of an attempt. */
function errorOf(data: unknown): { readonly error: unknown } | undefined {
  return typeof data === 'object' && data !== null && 'error' in data ? { error: data.error } : undefined
}
