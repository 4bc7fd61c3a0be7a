const MIN_CAPACITY = 4_096

/**
 * A set of 64-bit fingerprints: remembers evicted requests in eight bytes each.
 *
 * Among ten million requests, two share a fingerprint with a probability of 1 in 300,000.
 */
export class FingerprintSet {
  /** Pairs of words, by hash; two zeros are a free slot. */
  #words = new Uint32Array(MIN_CAPACITY * 2)
  #size = 0

  /** Adds a fingerprint, which must not be 0. */
  add(high: number, low: number): void {
    if (this.has(high, low)) return
    if (this.#size * 8 >= this.#words.length * 3) this.#grow()
    put(this.#words, high, low)
    this.#size += 1
  }

  has(high: number, low: number): boolean {
    const place = placeOf(this.#words, high, low)
    return this.#words[place] !== 0 || this.#words[place + 1] !== 0
  }

  #grow(): void {
    const previous = this.#words
    this.#words = new Uint32Array(previous.length * 2)
    for (let place = 0; place < previous.length; place += 2) {
      const [high = 0, low = 0] = [previous[place], previous[place + 1]]
      if (high !== 0 || low !== 0) put(this.#words, high, low)
    }
  }
}

/** The place of a fingerprint, or the free place where it belongs. */
function placeOf(words: Uint32Array, high: number, low: number): number {
  const mask = words.length / 2 - 1
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const place = slot * 2
    const [first, second] = [words[place], words[place + 1]]
    if ((first === high && second === low) || (first === 0 && second === 0)) return place
  }
}

function put(words: Uint32Array, high: number, low: number): void {
  const place = placeOf(words, high, low)
  words[place] = high
  words[place + 1] = low
}
