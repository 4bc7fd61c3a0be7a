import { canHave, FIELDS, type Field, type FieldKind, type LineOnlyKind } from './fields.ts'
import type { LifecycleRecord, LoggedError, Outcome, TransitionRecord } from './record.ts'

/** The pino levels of our lines. */
export type LineLevel = 'info' | 'warn' | 'error'

/** The fields that are the same on all lines of one kind. */
export interface LineKind {
  readonly lifecycle: LifecycleRecord['lifecycle']
  readonly event?: string | undefined
  readonly from?: string | undefined
  readonly state: string
}

/** The fields that are the same on all lines of one kind: a logger can serialize them once. */
export function constantFields({ lifecycle, event, from, state }: LineKind): Record<string, string> {
  return { lifecycle, ...(event === undefined ? {} : { event }), ...(from === undefined ? {} : { from }), state }
}

/** The fields of a line that are not constant, in the order in which they are written. */
export function variableFields(record: LifecycleRecord): Record<string, unknown> {
  const fields: VariableFields = { trace_id: record.trace_id, request_id: record.request_id }
  if (record.lifecycle === 'transition') addTransitionFields(fields, record)
  if (record.attempt !== undefined) fields.attempt = record.attempt
  if (record.due !== undefined) fields.due = record.due
  if (record.error !== undefined) fields.error = record.error
  if (record.data !== undefined) fields.data = record.data
  return fields
}

type VariableFields = Record<string, unknown> & { -readonly [K in keyof TransitionRecord]?: TransitionRecord[K] }

/** Written out: a loop over the table takes three times as long. test/record/fields.test.ts compares the two. */
function addTransitionFields(fields: VariableFields, record: TransitionRecord): void {
  fields.seq = record.seq
  if (record.dwell_ms !== undefined) fields.dwell_ms = record.dwell_ms
  if (record.parent_id !== undefined) fields.parent_id = record.parent_id
  if (record.method !== undefined) fields.method = record.method
  if (record.path !== undefined) fields.path = record.path
  if (record.rejected_id !== undefined) fields.rejected_id = record.rejected_id
  if (record.rejected_length !== undefined) fields.rejected_length = record.rejected_length
  if (record.implied !== undefined) fields.implied = record.implied
  if (record.outcome !== undefined) fields.outcome = record.outcome
  if (record.status !== undefined) fields.status = record.status
  if (record.duration_ms !== undefined) fields.duration_ms = record.duration_ms
  if (record.calls !== undefined) fields.calls = record.calls
}

/** The message of a line. ASCII only: one wider character would double the cost of writing the line. */
export function message({ lifecycle, event, from, state }: LineKind): string {
  switch (lifecycle) {
    case 'transition':
      return from === undefined ? state : `${from} -> ${state}`
    case 'note':
      return `${event ?? ''} in ${state}`
    case 'rejected':
      return `${event ?? ''} rejected in ${state}`
    case 'stuck':
      return `stuck in ${state}`
  }
}

/** `warn` for rejected events and stuck requests, `error` for the outcome `error`, otherwise `info`. */
export function levelOf(lifecycle: LifecycleRecord['lifecycle'], outcome?: Outcome): LineLevel {
  if (lifecycle === 'rejected' || lifecycle === 'stuck') return 'warn'
  return outcome === 'error' ? 'error' : 'info'
}

const LIFECYCLES: readonly LifecycleRecord['lifecycle'][] = ['transition', 'note', 'rejected', 'stuck']
const OUTCOMES: ReadonlySet<unknown> = new Set<Outcome>(['ok', 'error', 'aborted', 'denied'])

/**
 * Reads a record back from a parsed line.
 *
 * `time` may also be ISO 8601, which some loggers are configured to write. Optional fields of the wrong type are left
 * out.
 *
 * @returns `'other'` for a third-party line, `'damaged'` for one of ours that lacks an essential field
 */
export function readRecord(line: unknown): LifecycleRecord | 'other' | 'damaged' {
  if (typeof line !== 'object' || line === null || !('lifecycle' in line)) return 'other'
  const readers = FIELD_READERS.get(line.lifecycle)
  if (readers === undefined) return 'other'
  // The cast only names what a parsed object is: any key may hold anything.
  const fields = line as Readonly<Record<string, unknown>>
  // These two are required, but not essential.
  const record: Record<string, unknown> = line.lifecycle === 'transition' ? { service: '' } : { service: '', event: '' }
  for (const { name, read, essential } of readers) {
    const value = read(fields[name])
    if (essential && (value === undefined || value === '')) return 'damaged'
    if (value !== undefined) record[name] = value
  }
  // Each value is of its field's kind, and FIELDS is typed so that a kind fits the type of the record's key.
  return record as unknown as LifecycleRecord
}

/** Returns the value if it is of the kind, otherwise undefined. */
type ValueReader = (value: unknown) => unknown

interface FieldReader {
  readonly name: string
  readonly read: ValueReader
  readonly essential: boolean
}

const VALUE_READERS: Readonly<Record<Exclude<FieldKind, LineOnlyKind>, ValueReader>> = {
  time: readTime,
  lifecycle: (value) => value,
  string: readString,
  'trace-id': readString,
  'request-id': readString,
  integer: readCount,
  number: readNumber,
  true: (value) => (value === true ? true : undefined),
  outcome: (value) => (OUTCOMES.has(value) ? value : undefined),
  error: readError,
  data: (value) => value,
}

const FIELD_READERS: ReadonlyMap<unknown, readonly FieldReader[]> = new Map(
  LIFECYCLES.map((lifecycle) => [lifecycle, readersOf(lifecycle)]),
)

function readersOf(lifecycle: LifecycleRecord['lifecycle']): FieldReader[] {
  const readers: FieldReader[] = []
  for (const [name, { kind, on, presence }] of Object.entries<Field>(FIELDS)) {
    if (kind === 'level' || kind === 'message' || !canHave(lifecycle, on)) continue
    readers.push({ name, read: VALUE_READERS[kind], essential: presence === 'essential' })
  }
  return readers
}

/** Epoch milliseconds, from a number or an ISO 8601 string. */
function readTime(value: unknown): number | undefined {
  return readNumber(typeof value === 'string' ? Date.parse(value) : value)
}

function readString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function readNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function readCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function readError(value: unknown): LoggedError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, message: text, cut } = value as Readonly<Record<string, unknown>>
  return { type: readString(type) ?? 'Error', message: readString(text) ?? '', ...(cut === true ? { cut: true } : {}) }
}
