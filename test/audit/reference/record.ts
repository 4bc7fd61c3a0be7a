/** An error as a line has it. */
export interface LineError {
  readonly type: string
  readonly message: string
  readonly cut?: true
}

/** What the audit needs of one line. */
export interface LogRecord {
  readonly kind: 'transition' | 'note' | 'rejected' | 'stuck'
  readonly time: number
  readonly service: string
  readonly trace: string
  readonly request: string
  readonly state: string
  readonly event: string | undefined
  readonly from: string | undefined
  /** -1 on lines that are no transition. */
  readonly seq: number
  readonly attempt: number | undefined
  readonly dwell: number | undefined
  /** The handler did not report the step. */
  readonly implied: boolean
  /** When a request that is meant to wait is due. */
  readonly due: number | undefined
  readonly error: LineError | undefined
  /** An error under `data`, where writers in other languages may log it. */
  readonly errorInData: LineError | undefined
}

const KINDS = ['transition', 'note', 'rejected', 'stuck'] as const

/** Reads the fields of a line by docs/log-format.md, "What readers accept". */
export function readFields(fields: ReadonlyMap<string, unknown>): LogRecord | 'other' | 'damaged' {
  const kind = KINDS.find((name) => name === fields.get('lifecycle'))
  if (kind === undefined) return 'other'
  const time = timeOf(fields.get('time'))
  const [trace, request, state] = ['trace_id', 'request_id', 'state'].map((name) => textOf(fields.get(name)) ?? '')
  const seq = kind === 'transition' ? wholeNumber(fields.get('seq')) : -1
  if (time === undefined || !trace || !request || !state || seq === undefined) return 'damaged'
  const event = textOf(fields.get('event'))
  return {
    kind,
    time,
    service: textOf(fields.get('service')) ?? '',
    trace: oneSpelling(trace),
    request,
    state,
    event: kind === 'transition' ? event : (event ?? ''),
    from: kind === 'transition' ? textOf(fields.get('from')) : undefined,
    seq,
    attempt: wholeNumber(fields.get('attempt')),
    dwell: kind === 'transition' ? finite(fields.get('dwell_ms')) : undefined,
    implied: kind === 'transition' && fields.get('implied') === true,
    due: finite(fields.get('due')),
    error: errorOf(fields.get('error')),
    errorInData: errorIn(fields.get('data')),
  }
}

const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i

/** A UUID in one spelling, in lower case and with dashes; any other id as it is. */
export function oneSpelling(trace: string): string {
  const groups = UUID.exec(trace)?.slice(1)
  return groups === undefined ? trace : groups.join('-').toLowerCase()
}

function timeOf(value: unknown): number | undefined {
  return finite(typeof value === 'string' ? Date.parse(value) : value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function wholeNumber(value: unknown): number | undefined {
  const number = finite(value)
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

function errorOf(value: unknown): LineError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const error = { type: textOf(memberOf(value, 'type')) ?? 'Error', message: textOf(memberOf(value, 'message')) ?? '' }
  return memberOf(value, 'cut') === true ? { ...error, cut: true } : error
}

function errorIn(data: unknown): LineError | undefined {
  const error = memberOf(data, 'error') ?? undefined
  if (error === undefined) return undefined
  const message = memberOf(error, 'message') ?? error
  return { type: 'Error', message: typeof message === 'string' ? message : JSON.stringify(message) }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined
}
