import { step, type TransitionTable } from '../machine/table.ts'
import type { NoteRecord, TransitionRecord } from '../record/record.ts'
import type { Located, RequestHistory } from './history.ts'

/** A line that the machine cannot have written, with the reason in one sentence. */
export interface InvalidStep {
  readonly line: Located<TransitionRecord>
  readonly reason: string
}

/**
 * Finds the lines of a request that no run of the machine can have written, with one reason each.
 *
 * A missing predecessor is a gap, not an error: the line after it is checked on its own.
 */
export function invalidSteps(history: RequestHistory, table: TransitionTable): InvalidStep[] {
  return history.transitions.flatMap((line) => {
    const reason = transitionError(line.record, table) ?? sequenceError(history, line.record, table)
    return reason === undefined ? [] : [{ line, reason }]
  })
}

/** What is wrong with a line on its own. */
function transitionError({ seq, from, event, state }: TransitionRecord, table: TransitionTable): string | undefined {
  if (table.state[state] === undefined) return `the machine has no state "${state}"`
  if (seq === 0) {
    if (from !== undefined || event !== undefined) return 'the first line of a request must not have from or event'
    return state === table.initial ? undefined : `a request begins in ${table.initial}, not in ${state}`
  }
  if (from === undefined || event === undefined) return `seq ${seq} must have from and event`
  if (table.state[from] === undefined) return `the machine has no state "${from}"`
  if (table.event[event] === undefined) return `the machine has no event "${event}"`
  const edge = step(table, from, event)
  if (edge === undefined)
    return table.state[from].final ? `${from} is final: nothing follows it` : `${from} does not accept ${event}`
  return edge.to === state ? undefined : `${event} leads from ${from} to ${edge.to}, not to ${state}`
}

/** What is wrong with a line in relation to the other lines of the request. */
function sequenceError(
  { transitions, notes }: RequestHistory,
  record: TransitionRecord,
  table: TransitionTable,
): string | undefined {
  const first = transitions.find(
    ({ record: other }) => other.attempt === record.attempt && other.seq === record.seq,
  )?.record
  if (first !== undefined && first.state !== record.state)
    return `seq ${record.seq} appears twice: as ${first.state} and as ${record.state}`
  const candidates = predecessors(transitions, record)
  const [before] = candidates
  if (before === undefined || candidates.some(({ state }) => state === record.from)) return undefined
  if (before.attempt !== record.attempt && hasUnconfirmedSend(notes, record.from, table)) return undefined
  return `seq ${before.seq} entered ${before.state}, and seq ${record.seq} starts from ${record.from ?? ''}`
}

/**
 * True if the message that hands the request off in this state was reported as not sent. The broker may have accepted
 * it although its confirmation was lost. The sender then continues as if it had not sent the message, and a worker
 * continues from the state in the message.
 */
function hasUnconfirmedSend(
  notes: readonly Located<NoteRecord>[],
  state: string | undefined,
  table: TransitionTable,
): boolean {
  return notes.some(
    ({ record }) =>
      record.event === 'ENQUEUE' && record.error !== undefined && step(table, record.state, 'ENQUEUE')?.to === state,
  )
}

/**
 * The lines that may come directly before a line: those of its own attempt; for the first line of an attempt, those of
 * the request before the hand-off.
 */
function predecessors(
  transitions: readonly Located<TransitionRecord>[],
  { attempt, seq }: TransitionRecord,
): TransitionRecord[] {
  const before = transitions.map(({ record }) => record).filter((other) => other.seq === seq - 1)
  const sameAttempt = before.filter((other) => other.attempt === attempt)
  return sameAttempt.length > 0 ? sameAttempt : before.filter((other) => other.attempt === undefined)
}
