import { Times } from './dwell-histogram.ts'

/** What is counted of one state and the service that entered it. */
export interface Tally {
  readonly state: string
  readonly service: string
  entered: number
  open: number
  /** How long requests stayed. */
  readonly times: Times
}

/** Counts by state and service. */
export class Tallies {
  readonly #tallies = new Map<string, Tally>()

  of(state: string, service: string): Tally {
    const key = JSON.stringify([state, service])
    const known = this.#tallies.get(key)
    if (known !== undefined) return known
    const tally = { state, service, entered: 0, open: 0, times: new Times() }
    this.#tallies.set(key, tally)
    return tally
  }

  /** Those of one state, by service, where there is anything to tell. */
  in(state: string): Tally[] {
    const told = [...this.#tallies.values()].filter((tally) => tally.entered + tally.open + tally.times.count > 0)
    return told.filter((tally) => tally.state === state).sort((a, b) => (a.service < b.service ? -1 : 1))
  }
}
