import { copied } from './copied.ts'

/**
 * Numbers keys of a fixed count of words: a hash table without an object for each key.
 *
 * The key in question is written to `key` beforehand. Numbers of deleted keys are given again. Beside each key there is
 * room for some words about it.
 */
export class WordKeyMap {
  readonly key: Uint32Array
  readonly #width: number
  /** Words of a key, of its hash, and of what is kept about it. */
  readonly #row: number
  #rows: Uint32Array
  /** The number of the key that hashes there, plus one; 0 where there is none. */
  #slots: Int32Array
  readonly #free: number[] = []
  /** The hash of the key that was looked for last. */
  #insertAt = 0
  #used = 0
  #size = 0

  /** @param about how many words are kept beside each key */
  constructor(width: number, about = 0) {
    this.#width = width
    this.#row = width + 1 + about
    this.key = new Uint32Array(width)
    this.#rows = new Uint32Array(this.#row * MIN_CAPACITY)
    this.#slots = new Int32Array(MIN_CAPACITY * 2)
  }

  /** What is kept about a key; 0 at first. */
  get(index: number, word: number): number {
    return this.#rows[index * this.#row + this.#width + 1 + word] ?? 0
  }

  set(index: number, word: number, value: number): void {
    this.#rows[index * this.#row + this.#width + 1 + word] = value
  }

  get size(): number {
    return this.#size
  }

  /** All numbers are below this. */
  get capacity(): number {
    return this.#used
  }

  /** The number of the key; -1 where it has none. */
  find(): number {
    const hash = this.#hash()
    this.#insertAt = hash
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (slots[slot] ?? 0) - 1
      if (index === -1) return -1
      if (this.#rows[index * this.#row + this.#width] === hash && this.#is(index)) return index
    }
  }

  /** Numbers the key that was looked for last and has no number yet. */
  add(): number {
    const index = this.#free.pop() ?? this.#used
    if (index === this.#used) this.#used += 1
    if ((index + 1) * this.#row > this.#rows.length) this.#grow()
    const start = index * this.#row
    for (let word = 0; word < this.#width; word += 1) this.#rows[start + word] = this.key[word] ?? 0
    this.#rows[start + this.#width] = this.#insertAt
    for (let word = this.#width + 1; word < this.#row; word += 1) this.#rows[start + word] = 0
    this.#size += 1
    this.#enter(index)
    return index
  }

  /** Writes the key of a number to `key`. */
  readKey(index: number): void {
    const start = index * this.#row
    for (let word = 0; word < this.#width; word += 1) this.key[word] = this.#rows[start + word] ?? 0
  }

  delete(index: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = this.#hashOf(index) & mask
    while (slots[hole] !== index + 1) hole = (hole + 1) & mask
    // What was put further on since the place was taken moves up, so that no search ends too soon.
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const wanted = this.#hashOf((slots[slot] ?? 0) - 1) & mask
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue
      slots[hole] = slots[slot] ?? 0
      hole = slot
    }
    slots[hole] = 0
    this.#free.push(index)
    this.#size -= 1
  }

  #hash(): number {
    let hash = 0
    for (let word = 0; word < this.#width; word += 1) {
      hash = Math.imul(hash ^ (this.key[word] ?? 0), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash >>> 0
  }

  #hashOf(index: number): number {
    return this.#rows[index * this.#row + this.#width] ?? 0
  }

  #is(index: number): boolean {
    const start = index * this.#row
    for (let word = 0; word < this.#width; word += 1) if (this.#rows[start + word] !== this.key[word]) return false
    return true
  }

  #enter(index: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = this.#hashOf(index) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = index + 1
  }

  #grow(): void {
    const slots = this.#slots
    this.#rows = copied(this.#rows, new Uint32Array(this.#rows.length * 2))
    this.#slots = new Int32Array(slots.length * 2)
    for (const slot of slots) if (slot !== 0) this.#enter(slot - 1)
  }
}

const MIN_CAPACITY = 1_024
