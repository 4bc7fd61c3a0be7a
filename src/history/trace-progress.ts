import type { TransitionTable } from '../machine/table.ts'
import type { RequestHistory } from './history.ts'
import { judge, type Verdict } from './assess.ts'

/**
 * How much of a trace is known: `over` where all that is known of it has ended, `open` where something must follow,
 * `unknown` where nothing is known, or lines are missing that may have been written at any time.
 *
 * A message that is delivered once more after all has ended is not foreseen.
 *
 * @param histories the requests of one trace alone
 */
export function progressOf(histories: Iterable<RequestHistory>, table: TransitionTable): 'unknown' | 'open' | 'over' {
  const verdicts = [...histories].map((history) => judge(history, table))
  if (verdicts.length === 0 || verdicts.some(({ missing }) => missing.length > 0)) return 'unknown'
  return verdicts.every(({ ended }) => ended) && messagesSent(verdicts) <= messagesReceived(verdicts) ? 'over' : 'open'
}

/** Messages after the first one are requests of their own, of which their sender's notes are the first to tell. */
function messagesSent(verdicts: readonly Verdict[]): number {
  return sum(verdicts, ({ history }) => history.notes.filter(({ record }) => record.event === 'ENQUEUE' && isChild(record.data)).length)
}

/** Whoever is called, not sent a message, says by what method. */
function messagesReceived(verdicts: readonly Verdict[]): number {
  return sum(verdicts, ({ history }) => history.transitions.filter(({ record }) => record.parent_id !== undefined && record.method === undefined).length)
}

function isChild(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'child' in data && data.child === true
}

function sum(verdicts: readonly Verdict[], of: (verdict: Verdict) => number): number {
  return verdicts.reduce((total, verdict) => total + of(verdict), 0)
}
