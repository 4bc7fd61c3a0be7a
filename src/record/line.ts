import type { LifecycleRecord, LoggedError, NoteRecord, Outcome, TransitionRecord } from './record.ts'

/** pino's numbers for the levels that we use. */
export type LineLevel = 'info' | 'warn' | 'error'

/** The names of all fields that a line may have, in the order in which they are written. */
export const FIELDS: readonly string[] = [
  'level',
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
  'parent_id',
  'method',
  'path',
  'rejected_id',
  'rejected_length',
  'implied',
  'outcome',
  'status',
  'duration_ms',
  'attempt',
  'error',
  'data',
  'msg',
]

/** The fields that are the same on every line of one kind: a logger can serialise them once. */
export function constantFields({ lifecycle, event, from, state }: LineKind): Record<string, string> {
  return { lifecycle, ...(event === undefined ? {} : { event }), ...(from === undefined ? {} : { from }), state }
}

/** What tells one kind of line from another. */
export interface LineKind {
  readonly lifecycle: LifecycleRecord['lifecycle']
  readonly event?: string | undefined
  readonly from?: string | undefined
  readonly state: string
}

/** The fields of a line beside the constant ones, in the order in which they are written. */
export function variableFields(record: LifecycleRecord): Record<string, unknown> {
  const fields: VariableFields = { trace_id: record.trace_id, request_id: record.request_id }
  if (record.lifecycle === 'transition') addProgress(fields, record)
  if (record.attempt !== undefined) fields.attempt = record.attempt
  if (record.error !== undefined) fields.error = record.error
  if (record.data !== undefined) fields.data = record.data
  return fields
}

type VariableFields = Record<string, unknown> & { -readonly [K in keyof TransitionRecord]?: TransitionRecord[K] }

/** One field after the other, by name: a loop over their names takes three times as long. */
function addProgress(fields: VariableFields, record: TransitionRecord): void {
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
}

/** The sentence of a line. ASCII only: one wider character would double the cost of writing the line. */
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

/** `warn` for what was rejected or is stuck, `error` for a request that ended in one, else `info`. */
export function levelOf(lifecycle: LifecycleRecord['lifecycle'], outcome?: Outcome): LineLevel {
  if (lifecycle === 'rejected' || lifecycle === 'stuck') return 'warn'
  return outcome === 'error' ? 'error' : 'info'
}

const KINDS: ReadonlySet<unknown> = new Set(['transition', 'note', 'rejected', 'stuck'])
const OUTCOMES: ReadonlySet<unknown> = new Set(['ok', 'error', 'aborted', 'denied'])

/**
 * Reads a record back from a parsed line.
 *
 * `time` may also be ISO 8601, as some loggers are set to write it. Optional fields of the wrong type are left out.
 *
 * @returns `'other'` for a line that is not ours, `'damaged'` for one that claims to be but lacks what every line has
 */
export function readRecord(line: unknown): LifecycleRecord | 'other' | 'damaged' {
  if (typeof line !== 'object' || line === null || !('lifecycle' in line)) return 'other'
  // The cast only names what a parsed object is: any key may hold anything.
  const fields = line as Readonly<Record<string, unknown>>
  const lifecycle = fields.lifecycle
  if (!KINDS.has(lifecycle)) return 'other'
  const time = readTime(fields.time)
  const told = { time, trace_id: text(fields.trace_id), request_id: text(fields.request_id), state: text(fields.state) }
  if (!told.trace_id || !told.request_id || !told.state || time === undefined) return 'damaged'
  const common = { ...told, time, service: text(fields.service) ?? '', ...optional(fields) }
  const event = text(fields.event)
  if (lifecycle === 'transition') return transition(fields, common as TransitionCommon, event)
  return { ...(common as TransitionCommon), lifecycle: lifecycle as NoteRecord['lifecycle'], event: event ?? '' }
}

type TransitionCommon = Omit<NoteRecord, 'lifecycle' | 'event'>

function transition(
  fields: Readonly<Record<string, unknown>>,
  common: TransitionCommon,
  event: string | undefined,
): TransitionRecord | 'damaged' {
  const seq = count(fields.seq)
  const from = text(fields.from)
  if (seq === undefined) return 'damaged'
  const rest = present({
    event,
    from,
    dwell_ms: finite(fields.dwell_ms),
    parent_id: text(fields.parent_id),
    method: text(fields.method),
    path: text(fields.path),
    rejected_id: fields.rejected_id === true ? (true as const) : undefined,
    rejected_length: count(fields.rejected_length),
    implied: fields.implied === true ? (true as const) : undefined,
    outcome: OUTCOMES.has(fields.outcome) ? (fields.outcome as Outcome) : undefined,
    status: finite(fields.status),
    duration_ms: finite(fields.duration_ms),
  })
  return { ...common, lifecycle: 'transition', seq, ...rest }
}

function optional(fields: Readonly<Record<string, unknown>>): Pick<NoteRecord, 'attempt' | 'error' | 'data'> {
  return present({ attempt: count(fields.attempt), error: readError(fields.error), data: fields.data })
}

function readError(value: unknown): LoggedError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, message: said, cut } = value as Readonly<Record<string, unknown>>
  return { type: text(type) ?? 'Error', message: text(said) ?? '', ...(cut === true ? { cut: true } : {}) }
}

/** Epoch milliseconds of a `time` field: a number, or ISO 8601 text. */
export function readTime(value: unknown): number | undefined {
  return finite(typeof value === 'string' ? Date.parse(value) : value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the keys that are undefined, which a record does not have. */
function present<const T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}
