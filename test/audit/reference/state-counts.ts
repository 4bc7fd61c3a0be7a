import type { AuditReport } from '../../../src/audit/report.ts'
import type { Assessment } from './assess.ts'
import type { Machine } from './machine.ts'
import { percentilesOf, type Percentiles } from './percentiles.ts'
import { queueTimesOf, type QueueTime } from './queue-times.ts'
import { thresholdOf, type Threshold } from './thresholds.ts'

/** One visit of a state, which the request has left, and the service that had brought it there. */
interface Stay {
  readonly state: string
  readonly service: string
  /** Undefined if the line does not say it. */
  readonly ms: number | undefined
  /** Whether the step that ended it was implied. */
  readonly implied: boolean
}

/** What is counted by state and service. */
export interface StateFigures {
  readonly states: AuditReport['states']
  readonly thresholdOf: (state: string, service: string) => Threshold
}

export function stateFigures(
  assessments: readonly Assessment[],
  machine: Machine,
  stuckAfter: readonly string[],
): StateFigures {
  const entered = assessments.flatMap(({ history }) => history.transitions.map(({ record }) => record))
  const open = assessments.filter(({ ended }) => !ended).map(({ position }) => position)
  const stays = assessments.flatMap(staysOf)
  const queues = assessments.flatMap((assessment) => queueTimesOf(assessment, machine))
  const threshold = (state: string, service: string): Threshold =>
    thresholdOf(machine, stuckAfter, state, timesOf(stays.filter(isOf(state, service))))
  const countsOf = (state: string, service?: string) => ({
    entered: entered.filter(isOf(state, service)).length,
    open: open.filter(isOf(state, service)).length,
    dwell_ms: percentilesOf(timesOf(stays.filter(isOf(state, service)))),
    ...impliedFigure(stays.filter(isOf(state, service))),
    ...queueFigures(queues.filter(isOf(state, service))),
  })
  const states = machine.states.map(({ name }): [string, AuditReport['states'][string]] => {
    const known = stays.filter(({ ms, implied }) => ms !== undefined || implied)
    const services = [...entered, ...open, ...known].filter(isOf(name)).map(({ service }) => service)
    const byService = [...new Set(services)].sort().map((service) => {
      return [service, { ...countsOf(name, service), ...threshold(name, service) }] as const
    })
    return [name, { ...countsOf(name), services: Object.fromEntries(byService) }]
  })
  return { states: Object.fromEntries(states), thresholdOf: threshold }
}

function impliedFigure(stays: readonly Stay[]): { readonly implied?: number } {
  const implied = stays.filter((stay) => stay.implied).length
  return implied === 0 ? {} : { implied }
}

function queueFigures(times: readonly QueueTime[]): Partial<Record<'waiting_ms' | 'working_ms', Percentiles>> {
  if (times.length === 0) return {}
  return {
    waiting_ms: percentilesOf(timesOf(times.filter(({ of }) => of === 'waiting'))),
    working_ms: percentilesOf(timesOf(times.filter(({ of }) => of === 'working'))),
  }
}

function isOf(state: string, service?: string) {
  return (other: { readonly state: string; readonly service: string }): boolean =>
    other.state === state && (service === undefined || other.service === service)
}

function staysOf({ history }: Assessment): Stay[] {
  const records = history.transitions.map(({ record }) => record)
  return records.flatMap(({ from, dwell, service, implied }, index) => {
    if (from === undefined) return []
    const entry = records.slice(0, index).findLast(({ state }) => state === from)
    return [{ state: from, service: entry?.service ?? service, ms: dwell, implied }]
  })
}

function timesOf(stays: readonly { readonly ms: number | undefined }[]): number[] {
  return stays.flatMap(({ ms }) => ms ?? [])
}
