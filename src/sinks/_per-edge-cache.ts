import type { TransitionRecord } from '../record/record.ts'

interface CachedEdge<T> {
  readonly from: string | undefined
  readonly state: string
  readonly value: T
}

/** One value for each edge of a machine, created at its first transition. */
export class PerEdgeCache<T> {
  readonly #byEvent = new Map<string | undefined, CachedEdge<T>[]>()
  readonly #create: (record: TransitionRecord) => T

  constructor(create: (record: TransitionRecord) => T) {
    this.#create = create
  }

  get(record: TransitionRecord): T {
    const { event, from, state } = record
    let edges = this.#byEvent.get(event)
    if (edges === undefined) this.#byEvent.set(event, (edges = []))
    for (const edge of edges) if (edge.from === from && edge.state === state) return edge.value
    const value = this.#create(record)
    edges.push({ from, state, value })
    return value
  }
}
