/** The latest requests that ended, a bounded number of them, in a few bytes each. */
export class RecentlyEnded {
  readonly #digests = new Set<number>()
  /** A ring, in the order in which they ended. */
  readonly #order: Float64Array
  #next = 0

  /** @param capacity how many are remembered */
  constructor(capacity: number) {
    this.#order = new Float64Array(capacity).fill(Number.NaN)
  }

  get size(): number {
    return this.#digests.size
  }

  add(key: string): void {
    const added = digest(key)
    if (this.#digests.has(added)) return
    const oldest = this.#order[this.#next]
    if (oldest !== undefined) this.#digests.delete(oldest)
    this.#digests.add(added)
    this.#order[this.#next] = added
    this.#next = (this.#next + 1) % this.#order.length
  }

  has(key: string): boolean {
    return this.#digests.has(digest(key))
  }
}

/** A 53-bit hash, since keys may be long. Among 100,000 keys two collide with a probability of one in a million. */
function digest(text: string): number {
  let [high, low] = [0x811c9dc5, 0x9e3779b9]
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ code, 0x85ebca6b)
    low ^= low >>> 15
  }
  return (high >>> 0) * 0x20_0000 + (low >>> 11)
}
