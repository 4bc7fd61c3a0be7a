import type { TransitionTable } from '../machine/table.ts'
import type { RequestHistory } from './history.ts'
import { assess, type RequestAssessment } from './assess.ts'

/**
 * How much of a trace is known: `over` where all that is known of it has ended, `open` where something must follow,
 * `unknown` where nothing is known, or lines are missing that may have been written at any time.
 *
 * A message that is delivered once more after all has ended is not foreseen.
 *
 * @param histories the requests of one trace alone
 */
export function progressOf(histories: Iterable<RequestHistory>, table: TransitionTable): 'unknown' | 'open' | 'over' {
  const assessments = [...histories].map((history) => assess(history, table))
  if (assessments.length === 0 || assessments.some(({ missing }) => missing.length > 0)) return 'unknown'
  return assessments.every(({ ended }) => ended) && messagesSent(assessments) <= messagesReceived(assessments)
    ? 'over'
    : 'open'
}

/** Messages after the first one are requests of their own, of which their sender's notes are the first to tell. */
function messagesSent(assessments: readonly RequestAssessment[]): number {
  return sum(
    assessments,
    ({ history }) => history.notes.filter(({ record }) => record.event === 'ENQUEUE' && isChild(record.data)).length,
  )
}

/** Whoever is called, not sent a message, says by what method. */
function messagesReceived(assessments: readonly RequestAssessment[]): number {
  return sum(
    assessments,
    ({ history }) =>
      history.transitions.filter(({ record }) => record.parent_id !== undefined && record.method === undefined).length,
  )
}

function isChild(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'child' in data && data.child === true
}

function sum(assessments: readonly RequestAssessment[], of: (assessment: RequestAssessment) => number): number {
  return assessments.reduce((total, assessment) => total + of(assessment), 0)
}
