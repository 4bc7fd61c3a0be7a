import type { TransitionTable } from '../machine/table.ts'
import type { LifecycleRecord } from '../record/record.ts'
import { byAttempt } from './by-attempt.ts'

/** What one line of a request says about its time in a queue. */
export interface QueueLine {
  /** Epoch milliseconds. */
  readonly time: number
  readonly isTransition: boolean
  readonly event: string | undefined
  /** Whether it is a transition that ends the request. */
  readonly isFinal: boolean
  readonly attempt: number | undefined
  readonly due: number | undefined
}

/** For how long a message waited for a delivery, or a worker had it, and the line that ended that time. */
export interface QueueTime<Line extends QueueLine = QueueLine> {
  readonly of: 'waiting' | 'working'
  readonly ms: number
  readonly end: Line
}

/** The line of a record. */
export function queueLine(record: LifecycleRecord, table: TransitionTable): QueueLine {
  const { lifecycle, time, event, state, attempt, due } = record
  const isTransition = lifecycle === 'transition'
  return { time, event, attempt, due, isTransition, isFinal: isTransition && table.state[state]?.final === true }
}

/**
 * Divides the time in a queue, where the machine has one state for both: the note ATTEMPT ends the wait. The wait for a
 * retry begins with the note RETRY. A delayed message, or a delayed retry, waits from its due time.
 *
 * The times are those of two services, whose clocks may disagree: a negative one counts as 0.
 *
 * @param lines the lines of one request, in any order
 */
export function queueTimes<Line extends QueueLine>(lines: readonly Line[]): readonly QueueTime<Line>[] {
  const queued = lines.find(({ event, isTransition }) => isTransition && event === 'ENQUEUE')
  if (queued === undefined) return []
  const times: QueueTime<Line>[] = []
  let since: number | undefined = waitsFrom(queued)
  for (const delivery of deliveriesOf(lines)) {
    const begin = delivery.find(({ event }) => event === 'ATTEMPT')
    // In a machine that has ATTEMPT as an event, the states themselves divide the time.
    if (begin?.isTransition === true) return []
    const retry = delivery.findLast(({ event, isTransition }) => event === 'RETRY' && !isTransition)
    const end = delivery.find(({ isFinal }) => isFinal) ?? retry
    if (begin !== undefined && since !== undefined) times.push(timeOf('waiting', since, begin))
    if (begin !== undefined && end !== undefined) times.push(timeOf('working', begin.time, end))
    since = retry === undefined ? undefined : waitsFrom(retry)
  }
  return times
}

function waitsFrom({ time, due = time }: QueueLine): number {
  return Math.max(time, due)
}

function timeOf<Line extends QueueLine>(of: QueueTime['of'], since: number, end: Line): QueueTime<Line> {
  return { of, ms: Math.max(0, end.time - since), end }
}

/** The lines of each delivery in order of time, the deliveries in their order. */
function deliveriesOf<Line extends QueueLine>(lines: readonly Line[]): Line[][] {
  const deliveries = [...byAttempt(lines)].sort(([a], [b]) => a - b)
  return deliveries.map(([, delivery]) => delivery.sort((a, b) => a.time - b.time))
}
