import { isObject } from '../machine/is-object.ts'
import { pathToState } from '../machine/shortest-path.ts'
import type { TransitionTable } from '../machine/table.ts'
import type { LoggedError } from '../record/field-types.ts'
import type { LifecycleRecord, NoteRecord, TransitionRecord } from '../record/record.ts'
import type { Located, RequestHistory } from './history.ts'
import { invalidSteps, type InvalidStep } from './validate.ts'

/** How far a request has come. */
export interface Position {
  readonly state: string
  /** When it entered the state, in epoch milliseconds, as far as the logs show. */
  readonly since: number
  /** The service that entered the state. */
  readonly service: string
  /** The `seq` of the line that entered the state; -1 if there are no transitions. */
  readonly seq: number
  /** The attempt whose line entered the state; undefined before the hand-off. */
  readonly attempt?: number
  /** Epoch milliseconds before which it is meant to stay in the state. */
  readonly due?: number | undefined
}

/** Whether a line comes after a position. Every attempt continues from the hand-off, so a later one repeats `seq`s. */
export function isAfter(line: { readonly seq: number; readonly attempt?: number }, position: Position): boolean {
  const attempts = (line.attempt ?? 0) - (position.attempt ?? 0)
  return attempts > 0 || (attempts === 0 && line.seq > position.seq)
}

/** From when the time in a state counts against a threshold: from its due time, if the request is meant to wait. */
export function countsFrom({ since, due = since }: Position): number {
  return Math.max(since, due)
}

/** The status of a request according to its history and the machine. */
export interface RequestAssessment {
  readonly history: RequestHistory
  /** In the final state of the first attempt that reached one, else in the furthest state known. */
  readonly position: Position
  readonly ended: boolean
  /** The line that ended the request. */
  readonly end?: TransitionRecord
  readonly attempts: number
  readonly lastError: LoggedError | null
  readonly invalid: readonly InvalidStep[]
  /** The `seq`s of lines that must have been written but are not in the logs. */
  readonly missing: readonly number[]
  /** Completions after the first one. */
  readonly duplicates: number
}

/** Assesses one request by its records. */
export function assess(history: RequestHistory, table: TransitionTable): RequestAssessment {
  const finals = history.transitions.filter(({ record }) => table.state[record.state]?.final === true)
  const end = finals[0]?.record
  const last = end ?? history.transitions.at(-1)?.record
  const position = furthestPosition(last, history.notes, table)
  return {
    history,
    position,
    ended: table.state[position.state]?.final === true,
    ...(end === undefined ? {} : { end }),
    attempts: countAttempts(history),
    lastError: lastErrorOf(history),
    invalid: invalidSteps(history, table),
    missing: missingSeqs(history.transitions, position.seq),
    // Two final lines of one attempt with different states are invalid, not a duplicate.
    duplicates: Math.max(
      0,
      finals.filter(({ record }) => record.state === end?.state || record.attempt !== end?.attempt).length - 1,
    ),
  }
}

/**
 * The position after the last transition, or a later one if a note was logged in a state that the request can only have
 * reached by a missing line.
 */
function furthestPosition(
  last: TransitionRecord | undefined,
  notes: readonly Located<NoteRecord>[],
  table: TransitionTable,
): Position {
  let position: Position | undefined = last === undefined ? undefined : { ...positionOf(last), seq: last.seq }
  for (const { record } of notes) {
    position ??= { ...positionOf(record), seq: -1 }
    if (record.time < position.since) continue
    // A later note replaces the time.
    const due = dueAfter(record, position)
    if (due !== position.due) position = { ...position, due }
    const path = pathToState(table, position.state, record.state)
    // In a cycle, the note may be about an earlier visit to its state.
    if (path === undefined || pathToState(table, record.state, position.state) !== undefined) continue
    position = { ...positionOf(record), seq: position.seq === -1 ? -1 : position.seq + path.length }
  }
  return position ?? { state: table.initial, since: 0, service: '', seq: -1 }
}

/** A later note replaces the due time. A delivery, or the end of one, ends the wait. */
function dueAfter({ state, event, time, due }: NoteRecord, position: Position): number | undefined {
  if (state !== position.state) return position.due
  if (due !== undefined) return due
  const isDelivery = event === 'ATTEMPT' || event === 'RETRY'
  return isDelivery && position.due !== undefined ? Math.min(position.due, time) : position.due
}

function positionOf({ state, time, service, attempt, due }: LifecycleRecord): Omit<Position, 'seq'> {
  const position = { state, since: time, service, ...(attempt === undefined ? {} : { attempt }) }
  return due === undefined ? position : { ...position, due }
}

function countAttempts({ transitions, notes }: RequestHistory): number {
  return new Set([...transitions, ...notes].flatMap(({ record }) => record.attempt ?? [])).size
}

function lastErrorOf({ transitions, notes }: RequestHistory): LoggedError | null {
  const errors = [...transitions, ...notes].flatMap(({ record }) => {
    const error = record.error ?? errorInData(record.data)
    return error === undefined ? [] : [{ error, time: record.time }]
  })
  return errors.sort((a, b) => a.time - b.time).at(-1)?.error ?? null
}

/**
 * Services that do not use this library may log an attempt's error as `data.error`: an object with a message, or text.
 */
function errorInData(data: unknown): LoggedError | undefined {
  if (!isObject(data) || data.error === undefined || data.error === null) return undefined
  const { error } = data
  const message = isObject(error) && 'message' in error ? error.message : error
  return { type: 'Error', message: typeof message === 'string' ? message : JSON.stringify(message) }
}

/** The maximum length of the list. A line with an absurd `seq` must not use up memory. */
export const MAX_MISSING = 1_000

/**
 * Every `seq` without a line, up to the furthest one. Each attempt continues the numbers of the request before its
 * hand-off. If there are only notes, at least the first line is missing.
 */
export function missingSeqs(transitions: readonly Located<TransitionRecord>[], furthest: number): number[] {
  const seqsOf = (isIncluded: (attempt: number | undefined) => boolean): ReadonlySet<number> =>
    new Set(transitions.flatMap(({ record }) => (isIncluded(record.attempt) ? [record.seq] : [])))
  const missing = new Set(
    absentUpTo(
      Math.max(0, furthest),
      seqsOf(() => true),
    ),
  )
  for (const attempt of new Set(transitions.map(({ record }) => record.attempt))) {
    const present = seqsOf((other) => other === undefined || other === attempt)
    // Transitions are in order of `seq`, and so is the set.
    const last = [...seqsOf((other) => other === attempt)].at(-1) ?? 0
    for (const seq of absentUpTo(last, present)) missing.add(seq)
  }
  return [...missing].sort((a, b) => a - b).slice(0, MAX_MISSING)
}

function absentUpTo(last: number, present: ReadonlySet<number>): number[] {
  const absent: number[] = []
  for (let seq = 0; seq <= last && absent.length < MAX_MISSING; seq += 1) if (!present.has(seq)) absent.push(seq)
  return absent
}
