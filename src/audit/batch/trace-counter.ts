import { WordKeyMap } from './word-key-map.ts'

/** Words of a trace's key: four of the id, and one that is not 0 if those are the hash of another id than a UUID. */
export const TRACE_KEY_WORDS = 5
/** The value beside a trace's key: how many of its requests are in memory. */
const REQUESTS = 0

/**
 * Counts traces, each once, and evicts those with no request in memory.
 *
 * A UUID version 7 contains its time of creation: a trace that is younger than all evicted ones is new. Other ids do
 * not show their age, so they are never evicted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export class TraceCounter {
  readonly #traces = new WordKeyMap(TRACE_KEY_WORDS, 1)
  /** Traces that may have been evicted before they came again: a second pass keeps them. */
  readonly #pinned: WordKeyMap
  #youngestEvicted = -Infinity
  #count = 0

  /** @param pinned what earlier passes found; this one adds to it */
  constructor(pinned: WordKeyMap) {
    this.#pinned = pinned
  }

  get count(): number {
    return this.#count
  }

  /** Counts one more request of a trace in memory; the index of the trace. */
  retain(key: Uint32Array): number {
    let trace = this.#traces.find(key)
    if (trace === -1) {
      trace = this.#traces.add(key)
      this.#count += 1
      if (createdAt(key) <= this.#youngestEvicted) this.#pinned.findOrAdd(key)
    }
    this.#traces.set(trace, REQUESTS, this.#traces.get(trace, REQUESTS) + 1)
    return trace
  }

  /** Counts one request less of a trace in memory. */
  release(trace: number): void {
    const requests = this.#traces.get(trace, REQUESTS) - 1
    this.#traces.set(trace, REQUESTS, requests)
    if (requests > 0) return
    const key = this.#traces.keyAt(trace)
    const created = createdAt(key)
    if (created === -Infinity || this.#pinned.has(key)) return
    this.#youngestEvicted = Math.max(this.#youngestEvicted, created)
    this.#traces.delete(trace)
  }
}

/** The time in a UUID version 7, in epoch milliseconds; -Infinity for any other id. */
function createdAt(key: Uint32Array): number {
  const [first, second, isHash] = [key[0] ?? 0, key[1] ?? 0, key[4] !== 0]
  return !isHash && ((second >>> 12) & 15) === 7 ? first * 65_536 + (second >>> 16) : -Infinity
}
