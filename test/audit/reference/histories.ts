import type { LogRecord } from './record.ts'

/** A line and its place. */
export interface Line {
  readonly record: LogRecord
  readonly file: string
  readonly number: number
}

/** All lines of one request, each once. */
export interface History {
  readonly trace: string
  readonly request: string
  /** By attempt, `seq` and time. */
  readonly transitions: readonly Line[]
  /** All other lines, by time. */
  readonly notes: readonly Line[]
}

/** The history of every request, in order of trace id and request id. */
export function historiesOf(lines: readonly Line[]): History[] {
  const requests = new Map<string, Line[]>()
  for (const line of [...lines].sort(byPlace)) {
    const id = sortKey(line.record)
    const known = requests.get(id) ?? []
    requests.set(id, known)
    if (!known.some((other) => isRepeat(other.record, line.record))) known.push(line)
  }
  return [...requests].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, all]) => historyOf(all))
}

/** The UUID without its dashes, as reports are sorted, and the request. */
export function sortKey({ trace, request }: Pick<LogRecord, 'trace' | 'request'>): string {
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(trace)
  return `${isUuid ? trace.replaceAll('-', '') : trace} ${request}`
}

function historyOf(lines: readonly Line[]): History {
  const { trace = '', request = '' } = lines[0]?.record ?? {}
  const transitions = lines.filter(({ record }) => record.kind === 'transition')
  const notes = lines.filter(({ record }) => record.kind !== 'transition')
  return {
    trace,
    request,
    transitions: transitions.sort(
      ({ record: a }, { record: b }) =>
        (a.attempt ?? 0) - (b.attempt ?? 0) || a.seq - b.seq || a.time - b.time || byContent(a, b),
    ),
    notes: notes.sort(({ record: a }, { record: b }) => a.time - b.time || byContent(a, b)),
  }
}

/** Two lines that are the same but for what hangs on them, such as `error` and `data`. */
function isRepeat(a: LogRecord, b: LogRecord): boolean {
  const same = (['kind', 'seq', 'time', 'from', 'event', 'state', 'service'] as const).every((key) => a[key] === b[key])
  return same && (a.attempt ?? 0) === (b.attempt ?? 0)
}

function byPlace(a: Line, b: Line): number {
  return a.file === b.file ? a.number - b.number : a.file < b.file ? -1 : 1
}

/**
 * Any fixed order of lines with the same time makes the report independent of the order of reading; it uses this one.
 */
function byContent(a: LogRecord, b: LogRecord): number {
  const [x, y] = [contentOf(a), contentOf(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function contentOf({ kind, event, state, service, attempt, from }: LogRecord): string {
  return JSON.stringify([kind, event, state, service, attempt, from])
}
