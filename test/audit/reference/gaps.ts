import type { Assessment } from './assess.ts'
import { mayBeTrace, type Fragment } from './fragment.ts'
import { distance, type Machine } from './machine.ts'
import type { LogRecord } from './record.ts'

/** A line that is missing between two others of a request. */
export interface Gap {
  readonly trace: string
  readonly request: string
  /** The delivery that lacks the line; undefined before the queue. */
  readonly delivery: number | undefined
  readonly before: LogRecord
  readonly after: LogRecord
}

/** The gaps of all requests, by the time of the line before. */
export function gapsOf(assessments: readonly Assessment[]): Gap[] {
  return assessments.flatMap(gapsIn).sort((a, b) => a.before.time - b.before.time)
}

/** A line that all deliveries lack is one line before the queue; any other one may be lacking in each delivery. */
function gapsIn({ history: { trace, request, transitions }, missing }: Assessment): Gap[] {
  const records = transitions.map(({ record }) => record)
  const delivered = records.filter(({ attempt }) => attempt !== undefined)
  const deliveries = new Set(delivered.map(({ attempt }) => attempt))
  const sent = records
    .filter(({ attempt, event }) => attempt === undefined && event === 'ENQUEUE')
    .map(({ seq }) => seq + 1)
  const firstDelivered = Math.min(...sent.slice(0, 1), ...delivered.map(({ seq }) => seq))
  return missing.flatMap((seq) => {
    const isShared = seq < firstDelivered
    const [first] = deliveries
    return (isShared ? [first] : [...deliveries]).flatMap((delivery): Gap[] => {
      const chain = records.filter(({ attempt }) => attempt === undefined || attempt === delivery)
      const before = chain.filter((record) => record.seq < seq).at(-1)
      const [after] = chain.filter((record) => record.seq > seq)
      if (before === undefined || after === undefined || chain.some((record) => record.seq === seq)) return []
      return [{ trace, request, delivery: isShared ? undefined : delivery, before, after }]
    })
  })
}

/** The gap that a damaged line fills, if there is one. Without a request id it is the latest that fits its time. */
export function gapFor(fragment: Fragment, gaps: readonly Gap[], machine: Machine): Gap | undefined {
  const fitting = gaps.filter((gap) => fits(fragment, gap, machine))
  return fragment.time === undefined || fragment.requestEnd !== undefined ? fitting[0] : fitting.at(-1)
}

/** Whether nothing that the damaged line says contradicts the lines around the gap. */
function fits(fragment: Fragment, { trace, request, delivery, before, after }: Gap, machine: Machine): boolean {
  const { attempt, from, requestEnd = '', seq, service, state, time } = fragment
  // If one line is missing, its states are known. Of several lines it may be any on a path between the two.
  const isOne = after.seq - before.seq === 2
  const leads = (start: string, end: string): boolean =>
    start === end || (!isOne && distance(machine, start, end) !== undefined)
  return (
    request.endsWith(requestEnd) &&
    mayBeTrace(fragment, trace) &&
    (attempt === undefined || delivery === undefined || attempt === delivery) &&
    (time === undefined || (before.time <= time && time <= after.time)) &&
    (service === undefined || service === before.service || service === after.service) &&
    (seq === undefined || (before.seq < seq && seq < after.seq)) &&
    (from === undefined || leads(before.state, from)) &&
    (state === undefined || after.from === undefined || leads(state, after.from))
  )
}
