import { DwellHistogram } from './dwell-histogram.ts'

/** Counts for one state and the service that moved requests into it. */
export interface StateCounter {
  readonly state: string
  readonly service: string
  entered: number
  open: number
  /** The time that requests spent in the state. */
  readonly dwell: DwellHistogram
}

/** Counts by state and service. */
export class StateCounters {
  readonly #counters = new Map<string, StateCounter>()

  of(state: string, service: string): StateCounter {
    const key = JSON.stringify([state, service])
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const counter = { state, service, entered: 0, open: 0, dwell: new DwellHistogram() }
    this.#counters.set(key, counter)
    return counter
  }

  /** The counters of one state that are not empty, by service. */
  in(state: string): StateCounter[] {
    const used = [...this.#counters.values()].filter(
      (counter) => counter.entered + counter.open + counter.dwell.count > 0,
    )
    return used.filter((counter) => counter.state === state).sort((a, b) => (a.service < b.service ? -1 : 1))
  }
}
