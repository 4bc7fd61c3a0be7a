import { isObject } from '../machine/is-object.ts'
import type { TransitionTable } from '../machine/table.ts'
import { assess, type RequestAssessment } from './assess.ts'
import { callFactsIn, groupCalls } from './calls.ts'
import type { RequestHistory } from './history.ts'

/**
 * Whether a trace is over: `over` if all known requests have ended, `open` if more lines must follow, `unknown` if
 * there are no requests, or lines are missing, which may have any time.
 *
 * Does not foresee a message that is redelivered after all requests have ended.
 *
 * @param histories the requests of one trace
 */
export function progressOf(histories: Iterable<RequestHistory>, table: TransitionTable): 'unknown' | 'open' | 'over' {
  const assessments = [...histories].map((history) => assess(history, table))
  if (assessments.length === 0 || assessments.some(({ missing }) => missing.length > 0)) return 'unknown'
  const allEnded = assessments.every(({ ended }) => ended)
  if (!allEnded || childMessagesSent(assessments) > childMessagesReceived(assessments)) return 'open'
  return haveAllCallsArrived(assessments) ? 'over' : 'open'
}

/** Whether each numbered call that was reported has begun a request: only the whole log shows that one is lost. */
function haveAllCallsArrived(assessments: readonly RequestAssessment[]): boolean {
  const groups = groupCalls(callFactsIn(assessments.map(({ history }) => history)))
  return [...groups.values()].every((group) => group.senders.length === 0 || group.complete)
}

/** After a request's first message, each further one is a child request. The sender logs a note before it arrives. */
function childMessagesSent(assessments: readonly RequestAssessment[]): number {
  return sum(
    assessments,
    ({ history }) => history.notes.filter(({ record }) => record.event === 'ENQUEUE' && isChild(record.data)).length,
  )
}

/** Requests with a parent and without a method. A request that was called, and not sent as a message, has a method. */
function childMessagesReceived(assessments: readonly RequestAssessment[]): number {
  return sum(
    assessments,
    ({ history }) =>
      history.transitions.filter(({ record }) => record.parent_id !== undefined && record.method === undefined).length,
  )
}

function isChild(data: unknown): boolean {
  return isObject(data) && data.child === true
}

function sum(assessments: readonly RequestAssessment[], count: (assessment: RequestAssessment) => number): number {
  return assessments.reduce((total, assessment) => total + count(assessment), 0)
}
