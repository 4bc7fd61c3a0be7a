/** Which requests have ended: a bounded number of the latest, in a few bytes each. */
export class RecentlyEnded {
  readonly #digests = new Set<number>()
  /** In the order in which they ended; the next takes the place of the oldest. */
  readonly #order: Float64Array
  #next = 0

  /** @param most how many are known at a time */
  constructor(most: number) {
    this.#order = new Float64Array(most).fill(Number.NaN)
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

/** 53 bits of a text, which two of 100,000 share once in a million times: keys may be long, and would hold on to more. */
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
