import { hashWords } from './hash-words.ts'

const MIN_CAPACITY = 1_024

/**
 * Open-addressing hash map from fixed-width integer keys to dense indexes, with a few words of values beside each key.
 *
 * An object or string for each of millions of keys would take several times the memory. The index of a deleted key is
 * used again.
 */
export class WordKeyMap {
  readonly #keyWords: number
  /** Words of a key, of its hash, and of its values. */
  readonly #rowWords: number
  #rows: Uint32Array
  /** By hash: an index plus one; 0 if the slot is free. */
  #slots: Int32Array
  readonly #freeIndexes: number[] = []
  #capacity = 0
  #size = 0

  constructor(keyWords: number, valueWords = 0) {
    this.#keyWords = keyWords
    this.#rowWords = keyWords + 1 + valueWords
    this.#rows = new Uint32Array(this.#rowWords * MIN_CAPACITY)
    this.#slots = new Int32Array(MIN_CAPACITY * 2)
  }

  /** A value of a key; 0 until it is set. */
  get(index: number, value: number): number {
    return this.#word(index, this.#keyWords + 1 + value)
  }

  set(index: number, value: number, to: number): void {
    this.#rows[index * this.#rowWords + this.#keyWords + 1 + value] = to
  }

  get size(): number {
    return this.#size
  }

  /** All indexes are below this. */
  get capacity(): number {
    return this.#capacity
  }

  /** The index of a key; -1 if it has none. */
  find(key: Uint32Array): number {
    const hash = hashWords(key)
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = this.#indexAt(slot)
      if (index === -1 || (this.#hashAt(index) === hash && this.#hasKey(index, key))) return index
    }
  }

  /** Adds a key that is not there yet; its index. */
  add(key: Uint32Array): number {
    const index = this.#freeIndexes.pop() ?? this.#capacity
    if (index === this.#capacity) this.#capacity += 1
    if ((index + 1) * this.#rowWords > this.#rows.length) this.#grow()
    const values = index * this.#rowWords + this.#keyWords + 1
    // For so few words, loops are faster than set() and fill().
    for (let word = 0; word < this.#keyWords; word += 1) this.#rows[index * this.#rowWords + word] = key[word] ?? 0
    this.#rows[values - 1] = hashWords(key)
    for (let at = values; at < (index + 1) * this.#rowWords; at += 1) this.#rows[at] = 0
    this.#size += 1
    this.#fillSlot(index)
    return index
  }

  /** The index of a key, which is added if it is not there yet. */
  findOrAdd(key: Uint32Array): number {
    const index = this.find(key)
    return index === -1 ? this.add(key) : index
  }

  has(key: Uint32Array): boolean {
    return this.find(key) !== -1
  }

  /** A copy of the key at an index. */
  keyAt(index: number): Uint32Array {
    const start = index * this.#rowWords
    return this.#rows.slice(start, start + this.#keyWords)
  }

  delete(index: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let freed = this.#hashAt(index) & mask
    while (slots[freed] !== index + 1) freed = (freed + 1) & mask
    // Move later entries of the same run up, so that no search stops at the freed slot.
    for (let slot = (freed + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const wanted = this.#hashAt(this.#indexAt(slot)) & mask
      if (((slot - wanted) & mask) < ((slot - freed) & mask)) continue
      slots[freed] = this.#indexAt(slot) + 1
      freed = slot
    }
    slots[freed] = 0
    this.#freeIndexes.push(index)
    this.#size -= 1
  }

  #word(index: number, word: number): number {
    return this.#rows[index * this.#rowWords + word] ?? 0
  }

  #hashAt(index: number): number {
    return this.#word(index, this.#keyWords)
  }

  #indexAt(slot: number): number {
    return (this.#slots[slot] ?? 0) - 1
  }

  #hasKey(index: number, key: Uint32Array): boolean {
    for (let word = 0; word < this.#keyWords; word += 1) if (this.#word(index, word) !== key[word]) return false
    return true
  }

  #fillSlot(index: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashAt(index) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = index + 1
  }

  #grow(): void {
    const slots = this.#slots
    const rows = new Uint32Array(this.#rows.length * 2)
    rows.set(this.#rows)
    this.#rows = rows
    this.#slots = new Int32Array(slots.length * 2)
    for (const slot of slots) if (slot !== 0) this.#fillSlot(slot - 1)
  }
}
