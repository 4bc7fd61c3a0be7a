import type { Assessment } from './assess.ts'
import { mayBeTrace, type Fragment } from './fragment.ts'
import { distance, type Machine } from './machine.ts'
import type { LogRecord } from './record.ts'

/** A line that is missing between two others of a request. */
export interface Gap {
  readonly trace: string
  readonly request: string
  /** The deliveries of which a line is intact. */
  readonly attempts: readonly (number | undefined)[]
  readonly before: LogRecord
  readonly after: LogRecord
}

/** The gaps of all requests, by the time of the line before. */
export function gapsOf(assessments: readonly Assessment[]): Gap[] {
  const gaps = assessments.flatMap(({ history: { trace, request, transitions }, missing }) =>
    missing.flatMap((seq): Gap[] => {
      const before = transitions.findLast(({ record }) => record.seq < seq)?.record
      const after = transitions.find(({ record }) => record.seq > seq)?.record
      const attempts = transitions.map(({ record }) => record.attempt)
      return before === undefined || after === undefined ? [] : [{ trace, request, attempts, before, after }]
    }),
  )
  return gaps.sort((a, b) => a.before.time - b.before.time)
}

/** The gap that a damaged line fills, if there is one. Without a request id it is the latest that fits its time. */
export function gapFor(fragment: Fragment, gaps: readonly Gap[], machine: Machine): Gap | undefined {
  const fitting = gaps.filter((gap) => fits(fragment, gap, machine))
  return fragment.time === undefined || fragment.requestEnd !== undefined ? fitting[0] : fitting.at(-1)
}

/** Whether nothing that the damaged line says contradicts the lines around the gap. */
function fits(fragment: Fragment, { trace, request, attempts, before, after }: Gap, machine: Machine): boolean {
  const { attempt, from, requestEnd = '', seq, service, state, time } = fragment
  // If one line is missing, its states are known. Of several lines it may be any on a path between the two.
  const isOne = after.seq - before.seq === 2
  const leads = (start: string, end: string): boolean =>
    start === end || (!isOne && distance(machine, start, end) !== undefined)
  return (
    request.endsWith(requestEnd) &&
    mayBeTrace(fragment, trace) &&
    (attempt === undefined || attempts.includes(attempt)) &&
    (time === undefined || (before.time <= time && time <= after.time)) &&
    (service === undefined || service === before.service || service === after.service) &&
    (seq === undefined || (before.seq < seq && seq < after.seq)) &&
    (from === undefined || leads(before.state, from)) &&
    (state === undefined || after.from === undefined || leads(state, after.from))
  )
}
