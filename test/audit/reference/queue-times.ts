import { isFinal, type Machine } from './machine.ts'
import type { Assessment } from './assess.ts'
import type { LogRecord } from './record.ts'

/** The time of one delivery in a queue or with a worker, and the service that had sent the message. */
export interface QueueTime {
  readonly of: 'waiting' | 'working'
  readonly state: string
  readonly service: string
  readonly ms: number
}

/** Divides the time in a queue, where a note, and no step of the machine, says that a worker has the message. */
export function queueTimesOf({ history }: Assessment, machine: Machine): QueueTime[] {
  const lines = [...history.transitions, ...history.notes].map(({ record }) => record)
  const sent = lines.find(({ kind, event }) => kind === 'transition' && event === 'ENQUEUE')
  const numbers = [...new Set(lines.flatMap(({ attempt }) => attempt ?? []))].sort((a, b) => a - b)
  const of = (attempt: number | undefined): LogRecord[] =>
    lines.filter((line) => line.attempt === attempt && attempt !== undefined).sort((a, b) => a.time - b.time)
  if (sent === undefined) return []
  const times = numbers.flatMap((attempt, index): QueueTime[] => {
    const { state, service } = sent
    const begin = of(attempt).find(({ event }) => event === 'ATTEMPT')
    if (begin === undefined) return []
    const queued = index === 0 ? sent : failure(of(numbers[index - 1]))
    const ready = queued === undefined ? undefined : Math.max(queued.time, queued.due ?? queued.time)
    const end =
      of(attempt).find((line) => line.kind === 'transition' && isFinal(machine, line.state)) ?? failure(of(attempt))
    return [
      ...(ready === undefined ? [] : [{ of: 'waiting' as const, state, service, ms: Math.max(0, begin.time - ready) }]),
      ...(end === undefined
        ? []
        : [{ of: 'working' as const, state, service, ms: Math.max(0, end.time - begin.time) }]),
    ]
  })
  const isStep = numbers.some((attempt) => of(attempt).find(({ event }) => event === 'ATTEMPT')?.kind === 'transition')
  return isStep ? [] : times
}

function failure(lines: readonly LogRecord[]): LogRecord | undefined {
  return lines.findLast(({ kind, event }) => event === 'RETRY' && kind !== 'transition')
}
