import { DwellHistogram } from './dwell-histogram.ts'

/** What is counted of one state and the service that entered it. */
export interface StateCounter {
  readonly state: string
  readonly service: string
  entered: number
  open: number
  /** How long requests stayed. */
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

  /** Those of one state, by service, where there is anything to tell. */
  in(state: string): StateCounter[] {
    const used = [...this.#counters.values()].filter(
      (counter) => counter.entered + counter.open + counter.dwell.count > 0,
    )
    return used.filter((counter) => counter.state === state).sort((a, b) => (a.service < b.service ? -1 : 1))
  }
}
