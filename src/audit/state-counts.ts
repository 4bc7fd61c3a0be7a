import { DwellHistogram } from './dwell-histogram.ts'
import type { QueueTime } from '../history/queue-times.ts'

/** Counts for one state and the service that moved requests into it. */
export interface StateCounter {
  readonly state: string
  readonly service: string
  entered: number
  open: number
  /** The time that requests spent in the state. */
  readonly dwell: DwellHistogram
  /** How many visits of the state ended with a step that the handler did not report. */
  implied: number
  /** Of a state in a queue: how much of that time messages waited, and how long a worker had them. */
  queue: { readonly waiting: DwellHistogram; readonly working: DwellHistogram } | undefined
}

/** Counts by state and service. */
export class StateCounters {
  readonly #counters = new Map<string, StateCounter>()

  of(state: string, service: string): StateCounter {
    const key = JSON.stringify([state, service])
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const counter = { state, service, entered: 0, open: 0, dwell: new DwellHistogram(), implied: 0, queue: undefined }
    this.#counters.set(key, counter)
    return counter
  }

  /** Adds the times of one request to the state of its queue. */
  addQueueTimes(state: string, service: string, times: readonly QueueTime[]): void {
    if (times.length === 0) return
    const counter = this.of(state, service)
    counter.queue ??= { waiting: new DwellHistogram(), working: new DwellHistogram() }
    for (const { of, ms } of times) counter.queue[of].add(ms)
  }

  /** The counters of one state that are not empty, by service. */
  in(state: string): StateCounter[] {
    const used = [...this.#counters.values()].filter(
      (counter) => counter.entered + counter.open + counter.implied + counter.dwell.count > 0,
    )
    return used.filter((counter) => counter.state === state).sort((a, b) => (a.service < b.service ? -1 : 1))
  }
}
