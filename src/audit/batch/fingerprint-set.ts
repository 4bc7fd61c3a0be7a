/**
 * Remembers which requests were seen and forgotten, in eight bytes each.
 *
 * Two of them are taken for one with a chance of one in 300,000 among ten million.
 */
export class FingerprintSet {
  #words = new Uint32Array(MIN_CAPACITY * 2)
  #size = 0

  add(high: number, low: number): void {
    if (this.has(high, low)) return
    if (this.#size * 8 >= this.#words.length * 3) this.#grow()
    put(this.#words, high, low)
    this.#size += 1
  }

  has(high: number, low: number): boolean {
    const words = this.#words
    const at = slotOf(words, high, low)
    return words[at] !== 0 || words[at + 1] !== 0
  }

  #grow(): void {
    const before = this.#words
    this.#words = new Uint32Array(before.length * 2)
    for (let at = 0; at < before.length; at += 2) {
      const [high = 0, low = 0] = [before[at], before[at + 1]]
      if (high !== 0 || low !== 0) put(this.#words, high, low)
    }
  }
}

const MIN_CAPACITY = 4_096

/** Where the pair stands, or the free place where it belongs. */
function slotOf(words: Uint32Array, high: number, low: number): number {
  const mask = words.length / 2 - 1
  for (let slot = low & mask; ; slot = (slot + 1) & mask) {
    const at = slot * 2
    const [first, second] = [words[at], words[at + 1]]
    if ((first === high && second === low) || (first === 0 && second === 0)) return at
  }
}

function put(words: Uint32Array, high: number, low: number): void {
  const at = slotOf(words, high, low)
  words[at] = high
  words[at + 1] = low
}
