import {
  canHave,
  type FieldKind,
  type Fields,
  type Lifecycle,
  type LineOnlyKind,
  type LoggedError,
  type Outcome,
} from './field-types.ts'
import { FIELDS, type LifecycleRecord } from './record.ts'

/** The pino levels of our lines. */
export type LineLevel = 'info' | 'warn' | 'error'

/** The fields that are the same on all lines of one kind. */
export interface LineKind {
  readonly lifecycle: Lifecycle
  readonly event?: string | undefined
  readonly from?: string | undefined
  readonly state: string
}

/** The fields that are the same on all lines of one kind: a logger can serialize them once. */
export function constantFields({ lifecycle, event, from, state }: LineKind): Record<string, string> {
  return { lifecycle, ...(event === undefined ? {} : { event }), ...(from === undefined ? {} : { from }), state }
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
export function levelOf(lifecycle: Lifecycle, outcome?: Outcome): LineLevel {
  if (lifecycle === 'rejected' || lifecycle === 'stuck') return 'warn'
  return outcome === 'error' ? 'error' : 'info'
}

const LIFECYCLES: readonly Lifecycle[] = ['transition', 'note', 'rejected', 'stuck']
const OUTCOMES: ReadonlySet<unknown> = new Set<Outcome>(['ok', 'error', 'aborted', 'denied'])

/**
 * Reads a record back from a parsed line.
 *
 * `time` may also be ISO 8601, which some loggers are configured to write. Optional fields of the wrong type are left
 * out.
 *
 * @param known the fields, from {@link readersOf}
 * @returns `'other'` for a third-party line, `'damaged'` for one of ours that lacks an essential field
 */
export function readRecord(line: unknown, known: FieldReaders = FIELD_READERS): LifecycleRecord | 'other' | 'damaged' {
  if (typeof line !== 'object' || line === null || !('lifecycle' in line)) return 'other'
  const readers = known.get(line.lifecycle)
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

type FieldReaders = ReadonlyMap<unknown, readonly FieldReader[]>

const VALUE_READERS: Readonly<Record<Exclude<FieldKind, LineOnlyKind>, ValueReader>> = {
  time: readTime,
  lifecycle: (value) => value,
  string: readString,
  'trace-id': readString,
  'request-id': readString,
  integer: readCount,
  number: readNumber,
  milliseconds: readNumber,
  true: (value) => (value === true ? true : undefined),
  outcome: (value) => (OUTCOMES.has(value) ? value : undefined),
  error: readError,
  data: (value) => value,
}

const FIELD_READERS = readersOf(FIELDS)

/** The readers of a table of fields, for each kind of line. */
export function readersOf(fields: Fields): FieldReaders {
  return new Map(
    LIFECYCLES.map((lifecycle) => [
      lifecycle,
      Object.entries(fields).flatMap(([name, { kind, on, presence }]): FieldReader[] =>
        kind === 'level' || kind === 'message' || !canHave(lifecycle, on)
          ? []
          : [{ name, read: VALUE_READERS[kind], essential: presence === 'essential' }],
      ),
    ]),
  )
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
