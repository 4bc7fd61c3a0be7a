import { WordKeyMap } from './word-key-map.ts'

export const TRACE_KEY = 5

/**
 * Counts traces, each once, and forgets those of which no request is in memory.
 *
 * A UUID version 7 says when it was made: one that is younger than all that were forgotten is new. Ids of other kinds say
 * nothing, so they are kept.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export class TraceCounter {
  /** Beside each trace: how many of its requests are in memory. */
  readonly #table = new WordKeyMap(TRACE_KEY, 1)
  /** Traces that may have been forgotten before they were counted again: these stay. */
  readonly #pinned: WordKeyMap
  #youngestEvicted = -Infinity
  #count = 0

  /** @param pinned is added to */
  constructor(pinned: WordKeyMap) {
    this.#pinned = pinned
  }

  get count(): number {
    return this.#count
  }

  /** A request of this trace comes into memory; the trace's number. */
  retain(words: Uint32Array, place: number, isText: number): number {
    const { key } = this.#table
    for (let word = 0; word < 4; word += 1) key[word] = words[place + word] ?? 0
    key[4] = isText
    let trace = this.#table.find()
    if (trace === -1) {
      trace = this.#table.add()
      this.#count += 1
      if (bornAt(key) <= this.#youngestEvicted) addKey(this.#pinned, key)
    }
    this.#table.set(trace, 0, this.#table.get(trace, 0) + 1)
    return trace
  }

  /** A request of this trace leaves memory. */
  release(trace: number): void {
    const requests = this.#table.get(trace, 0) - 1
    this.#table.set(trace, 0, requests)
    if (requests > 0) return
    this.#table.readKey(trace)
    const { key } = this.#table
    const born = bornAt(key)
    if (born === -Infinity || hasKey(this.#pinned, key)) return
    this.#youngestEvicted = Math.max(this.#youngestEvicted, born)
    this.#table.delete(trace)
  }
}

/** Whether a key is in a table of the same width. */
export function hasKey(table: WordKeyMap, key: Uint32Array): boolean {
  if (table.size === 0) return false
  table.key.set(key)
  return table.find() !== -1
}

/** Adds a key to a table, once. */
export function addKey(table: WordKeyMap, key: Uint32Array): void {
  table.key.set(key)
  if (table.find() === -1) table.add()
}

/** When a trace id was made, in epoch milliseconds; -Infinity where it does not say. */
function bornAt(key: Uint32Array): number {
  const second = key[1] ?? 0
  return key[4] === 0 && ((second >>> 12) & 15) === 7 ? (key[0] ?? 0) * 65_536 + (second >>> 16) : -Infinity
}
