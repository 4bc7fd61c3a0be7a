import { step, type TransitionTable } from '../machine/table.ts'
import type { NoteRecord, TransitionRecord } from '../record/record.ts'
import type { Located, RequestHistory } from './history.ts'

/** A line that the machine cannot have written, with the reason in one sentence. */
export interface InvalidStep {
  readonly line: Located<TransitionRecord>
  readonly reason: string
}

/**
 * Finds the lines of a request that no run of the machine writes, at most one reason for each.
 *
 * A line whose predecessor is missing is checked by itself: what is not there accuses nobody.
 */
export function invalidSteps(history: RequestHistory, table: TransitionTable): InvalidStep[] {
  const invalid: InvalidStep[] = []
  for (const [index, line] of history.transitions.entries()) {
    const reason = transitionError(line.record, table) ?? sequenceError(history, index, table)
    if (reason !== undefined) invalid.push({ line, reason })
  }
  return invalid
}

function transitionError({ seq, from, event, state }: TransitionRecord, table: TransitionTable): string | undefined {
  if (table.state[state] === undefined) return `the machine has no state "${state}"`
  if (seq === 0) {
    if (from !== undefined || event !== undefined) return 'the first line of a request comes from no state'
    return state === table.initial ? undefined : `a request begins in ${table.initial}, not in ${state}`
  }
  if (from === undefined || event === undefined) return `seq ${String(seq)} does not say from where and on what event`
  if (table.state[from] === undefined) return `the machine has no state "${from}"`
  if (table.event[event] === undefined) return `the machine has no event "${event}"`
  const edge = step(table, from, event)
  if (edge === undefined)
    return table.state[from].final ? `${from} is final: nothing follows it` : `${from} does not accept ${event}`
  return edge.to === state ? undefined : `${event} leads from ${from} to ${edge.to}, not to ${state}`
}

function sequenceError(
  { transitions, notes }: RequestHistory,
  index: number,
  table: TransitionTable,
): string | undefined {
  const { record } = transitions[index] ?? {}
  if (record === undefined) return undefined
  const same = transitions.find(
    ({ record: other }) => other.attempt === record.attempt && other.seq === record.seq,
  )?.record
  if (same !== undefined && same !== record && same.state !== record.state) {
    return `seq ${String(record.seq)} is told twice: as ${same.state} and as ${record.state}`
  }
  const before = predecessors(transitions, record)
  if (before.length === 0 || before.some(({ state }) => state === record.from)) return undefined
  if (before[0]?.attempt !== record.attempt && hasUnconfirmedSend(notes, record.from, table)) return undefined
  return `seq ${String(record.seq - 1)} entered ${before[0]?.state ?? ''}, and seq ${String(record.seq)} starts from ${record.from ?? ''}`
}

/**
 * Whether a message that hands over in this state was reported as not sent. The broker may have had it all the same, and
 * its answer was lost: the sender then goes its own way, and a worker goes on from where the message says.
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
 * The lines that a line follows: of its own attempt, or, where that begins with it, of the request before the hand-off.
 */
function predecessors(
  transitions: readonly Located<TransitionRecord>[],
  { attempt, seq }: TransitionRecord,
): TransitionRecord[] {
  const before = transitions.map(({ record }) => record).filter((other) => other.seq === seq - 1)
  const own = before.filter((other) => other.attempt === attempt)
  return own.length > 0 ? own : before.filter((other) => other.attempt === undefined)
}
