import type { TransitionRecord } from '../record/record.ts'

interface CachedEdge<T> {
  readonly from: string | undefined
  readonly state: string
  readonly value: T
}

/** Something for each step of a machine, made when the step is first taken. */
export class PerEdgeCache<T> {
  readonly #byEvent = new Map<string | undefined, CachedEdge<T>[]>()
  readonly #make: (record: TransitionRecord) => T

  constructor(make: (record: TransitionRecord) => T) {
    this.#make = make
  }

  get(record: TransitionRecord): T {
    const { event, from, state } = record
    let known = this.#byEvent.get(event)
    if (known === undefined) this.#byEvent.set(event, (known = []))
    for (const step of known) if (step.from === from && step.state === state) return step.value
    const value = this.#make(record)
    known.push({ from, state, value })
    return value
  }
}
