import { pathToState } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { LifecycleRecord, LoggedError, NoteRecord, TransitionRecord } from '../record/record.ts'
import type { Located, RequestHistory } from './history.ts'
import { invalidSteps, type InvalidStep } from './validate.ts'

/** How far a request has come. */
export interface Position {
  readonly state: string
  /** When it entered the state, in epoch milliseconds, as far as the logs tell. */
  readonly since: number
  /** The service that entered it. */
  readonly service: string
  readonly seq: number
}

/** What a request's history comes to under a machine. */
export interface RequestAssessment {
  readonly history: RequestHistory
  readonly position: Position
  /** In a final state, of the first attempt that reached one. */
  readonly ended: boolean
  /** The line that ended it. */
  readonly end?: TransitionRecord
  readonly attempts: number
  readonly lastError: LoggedError | null
  readonly invalid: readonly InvalidStep[]
  /** The `seq`s of lines that must have been written and are not there. */
  readonly missing: readonly number[]
  /** Completions after the first one. */
  readonly duplicates: number
}

/** Judges one request by what is logged of it: pure, and the same in whatever order the lines came. */
export function assess(history: RequestHistory, table: TransitionTable): RequestAssessment {
  const finals = history.transitions.filter(({ record }) => table.state[record.state]?.final === true)
  const end = finals[0]?.record
  const last = end ?? lastTransition(history.transitions)
  const position = furthestPosition(last, history.notes, table)
  return {
    history,
    position,
    ended: table.state[position.state]?.final === true,
    ...(end === undefined ? {} : { end }),
    attempts: attemptsOf(history),
    lastError: lastErrorOf(history),
    invalid: invalidSteps(history, table),
    missing: missingSeqs(history.transitions, position.seq),
    // Two final lines of one delivery are a contradiction, which is last as invalid, unless they agree.
    duplicates: Math.max(
      0,
      finals.filter(({ record }) => record.state === end?.state || record.attempt !== end?.attempt).length - 1,
    ),
  }
}

/** The last line of the latest attempt that moved the request, else of the request before its hand-off. */
function lastTransition(transitions: readonly Located<TransitionRecord>[]): TransitionRecord | undefined {
  return transitions.at(-1)?.record
}

/**
 * Where the last line leaves the request; or further on, where a note found it in a state that it can only have
 * reached by a line that is missing.
 */
function furthestPosition(
  last: TransitionRecord | undefined,
  notes: readonly Located<NoteRecord>[],
  table: TransitionTable,
): Position {
  let position: Position | undefined = last === undefined ? undefined : { ...positionOf(last), seq: last.seq }
  for (const { record } of notes) {
    position ??= { ...positionOf(record), seq: -1 }
    if (record.state === position.state || record.time < position.since) continue
    const way = pathToState(table, position.state, record.state)
    // A machine with a circle leads back too: only a later attempt's note speaks of a later stay.
    if (way === undefined || pathToState(table, record.state, position.state) !== undefined) continue
    position = { ...positionOf(record), seq: position.seq === -1 ? -1 : position.seq + way.length }
  }
  return position ?? { state: table.initial, since: 0, service: '', seq: -1 }
}

function positionOf({ state, time, service }: LifecycleRecord): Omit<Position, 'seq'> {
  return { state, since: time, service }
}

function attemptsOf({ transitions, notes }: RequestHistory): number {
  return new Set([...transitions, ...notes].flatMap(({ record }) => record.attempt ?? [])).size
}

function lastErrorOf({ transitions, notes }: RequestHistory): LoggedError | null {
  const errors = [...transitions, ...notes].filter(({ record }) => record.error !== undefined || hasError(record.data))
  const last = errors.sort((a, b) => a.record.time - b.record.time).at(-1)?.record
  if (last === undefined) return null
  if (last.error !== undefined) return last.error
  const said = hasError(last.data) ? last.data.error : undefined
  const message = typeof said === 'object' && said !== null && 'message' in said ? said.message : said
  return { type: 'Error', message: typeof message === 'string' ? message : JSON.stringify(message) }
}

/** Other writers of our format may tell an attempt's error under `data`. */
function hasError(data: unknown): data is { readonly error: unknown } {
  return typeof data === 'object' && data !== null && 'error' in data && data.error !== undefined && data.error !== null
}

/** More are not listed: a line with an absurd `seq` must not cost memory. */
const MAX_MISSING = 1_000

/**
 * Every `seq` up to the furthest that has no line, in any attempt: each goes on with the numbers of the request before
 * its hand-off. Where there are only notes, at least the first line is missing.
 */
export function missingSeqs(transitions: readonly Located<TransitionRecord>[], furthest: number): number[] {
  const seqsOf = (wanted: (attempt: number | undefined) => boolean): ReadonlySet<number> =>
    new Set(transitions.flatMap(({ record }) => (wanted(record.attempt) ? [record.seq] : [])))
  const missing = new Set(
    absent(
      seqsOf(() => true),
      Math.max(0, furthest),
    ),
  )
  for (const attempt of new Set(transitions.map(({ record }) => record.attempt))) {
    const present = seqsOf((other) => other === undefined || other === attempt)
    // They stand in order of `seq`.
    const last = [...seqsOf((other) => other === attempt)].at(-1) ?? 0
    for (const seq of absent(present, last)) missing.add(seq)
  }
  return [...missing].sort((a, b) => a - b).slice(0, MAX_MISSING)
}

function absent(present: ReadonlySet<number>, last: number): number[] {
  const missing: number[] = []
  for (let seq = 0; seq <= last && missing.length < MAX_MISSING; seq += 1) if (!present.has(seq)) missing.push(seq)
  return missing
}
