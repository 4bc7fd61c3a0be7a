import type { History, Line } from './histories.ts'
import { invalidSteps, type InvalidLine } from './invalid.ts'
import { distance, isFinal, leadsTo, type Machine } from './machine.ts'
import { missingSeqs } from './missing.ts'
import type { LineError } from './record.ts'

/** Where a request is. */
export interface Position {
  readonly state: string
  readonly service: string
  readonly since: number
  /** -1 if no transition is known. */
  readonly seq: number
  /** The delivery that wrote the line; undefined before the queue. */
  readonly attempt: number | undefined
  readonly due: number | undefined
}

/** What the lines of one request amount to. */
export interface Assessment {
  readonly history: History
  readonly position: Position
  readonly ended: boolean
  readonly attempts: number
  readonly lastError: LineError | null
  readonly invalid: readonly InvalidLine[]
  readonly missing: readonly number[]
  readonly duplicates: number
}

export function assess(history: History, machine: Machine): Assessment {
  const position = positionOf(history, machine)
  const lines = [...history.transitions, ...history.notes]
  return {
    history,
    position,
    ended: isFinal(machine, position.state),
    attempts: new Set(lines.map(({ record }) => record.attempt).filter((attempt) => attempt !== undefined)).size,
    lastError: lastErrorIn(lines),
    invalid: invalidSteps(history, machine),
    missing: missingSeqs(history.transitions, position.seq),
    duplicates: duplicatesIn(history, machine),
  }
}

/** The first final line, else the last line of the latest attempt; or where a note found the request after that. */
function positionOf({ transitions, notes }: History, machine: Machine): Position {
  const last = transitions.find(({ record }) => isFinal(machine, record.state)) ?? transitions.at(-1)
  const [first, ...rest] = last === undefined ? notes : [last, ...notes]
  let position = at(first, first?.record.seq ?? -1)
  for (const note of rest) {
    const { state, time, due } = note.record
    if (time >= position.since && state === position.state) {
      // Once a worker has the message, or gives it back, it waits no longer.
      const isDelivery = note.record.event === 'ATTEMPT' || note.record.event === 'RETRY'
      const waits = position.due === undefined ? undefined : Math.min(position.due, time)
      position = { ...position, due: due ?? (isDelivery ? waits : position.due) }
    }
    // A state that also leads back may be where the request was before.
    const isAhead = leadsTo(machine, position.state, state) && !leadsTo(machine, state, position.state)
    if (!isAhead || time < position.since) continue
    const steps = distance(machine, position.state, state) ?? 0
    position = at(note, position.seq === -1 ? -1 : position.seq + steps)
  }
  return position
}

function at(line: Line | undefined, seq: number): Position {
  const { state = '', service = '', time = 0, attempt, due } = line?.record ?? {}
  return { state, service, since: time, seq, attempt, due }
}

/** The error with the latest time; of several at one time the last in order. */
function lastErrorIn(lines: readonly Line[]): LineError | null {
  let latest: { readonly error: LineError; readonly time: number } | undefined
  for (const { record } of lines) {
    const error = record.error ?? record.errorInData
    if (error !== undefined && record.time >= (latest?.time ?? -Infinity)) latest = { error, time: record.time }
  }
  return latest?.error ?? null
}

/** Completions after the first: of other attempts, or once more in the same state. A contradiction is not one. */
function duplicatesIn({ transitions }: History, machine: Machine): number {
  const [first, ...later] = transitions.filter(({ record }) => isFinal(machine, record.state))
  const isAnother = ({ record }: Line): boolean =>
    record.state === first?.record.state || record.attempt !== first?.record.attempt
  return later.filter(isAnother).length
}
