/**
 * Numbers keys of a fixed count of words: a hash table without an object for each key.
 *
 * The key in question is written to `key` beforehand. Numbers of deleted keys are given again.
 */
export class KeyTable {
  readonly key: Uint32Array
  readonly #width: number
  #keys: Uint32Array
  #hashes: Int32Array
  /** The number of the key that hashes there, plus one; 0 where there is none. */
  #slots: Int32Array
  readonly #free: number[] = []
  #used = 0
  #size = 0

  constructor(width: number) {
    this.#width = width
    this.key = new Uint32Array(width)
    this.#keys = new Uint32Array(width * SMALLEST)
    this.#hashes = new Int32Array(SMALLEST)
    this.#slots = new Int32Array(SMALLEST * 2)
  }

  get size(): number {
    return this.#size
  }

  /** All numbers are below this. */
  get bound(): number {
    return this.#used
  }

  /** The number of the key; -1 where it has none. */
  find(): number {
    const hash = this.#hash()
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (slots[slot] ?? 0) - 1
      if (index === -1) return -1
      if (this.#hashes[index] === hash && this.#is(index)) return index
    }
  }

  /** Numbers a key that has no number yet. */
  add(): number {
    const index = this.#free.pop() ?? this.#used
    if (index === this.#used) this.#used += 1
    if (index >= this.#hashes.length) this.#grow()
    this.#keys.set(this.key, index * this.#width)
    this.#hashes[index] = this.#hash()
    this.#size += 1
    this.#enter(index)
    return index
  }

  /** Writes the key of a number to `key`. */
  load(index: number): void {
    const start = index * this.#width
    for (let word = 0; word < this.#width; word += 1) this.key[word] = this.#keys[start + word] ?? 0
  }

  delete(index: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = (this.#hashes[index] ?? 0) & mask
    while (slots[hole] !== index + 1) hole = (hole + 1) & mask
    // What was put further on since the place was taken moves up, so that no search ends too soon.
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const wanted = (this.#hashes[(slots[slot] ?? 0) - 1] ?? 0) & mask
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
    return hash
  }

  #is(index: number): boolean {
    const start = index * this.#width
    for (let word = 0; word < this.#width; word += 1) if (this.#keys[start + word] !== this.key[word]) return false
    return true
  }

  #enter(index: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = (this.#hashes[index] ?? 0) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = index + 1
  }

  #grow(): void {
    const wider = this.#hashes.length * 2
    const [keys, hashes, slots] = [new Uint32Array(wider * this.#width), new Int32Array(wider), this.#slots]
    keys.set(this.#keys)
    hashes.set(this.#hashes)
    this.#keys = keys
    this.#hashes = hashes
    this.#slots = new Int32Array(wider * 2)
    for (const slot of slots) if (slot !== 0) this.#enter(slot - 1)
  }
}

const SMALLEST = 1_024
