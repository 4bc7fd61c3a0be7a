import { ID_FLAGS, capacityOf, ROW, createBatch, type RecordBatch } from '../../record/record-batch.ts'
import type { RecordExtras } from '../../record/record-extras.ts'

/** Records grouped by request. */
export interface Grouped {
  readonly batch: RecordBatch
  readonly extras: readonly RecordExtras[]
}

/**
 * Groups records by request, requests in the order of their first records.
 *
 * The audit then looks up each request once instead of once per record, and the grouping runs in several threads.
 */
export class RequestGrouper {
  /** By hash: the number of a group plus one; 0 for an empty slot. */
  #slots = new Int32Array(0)
  /** The group of each record; the first record of each group, and where the next one is written. */
  #groups = new Uint32Array(0)
  #first = new Uint32Array(0)
  #next = new Uint32Array(0)

  /** @param spare a batch whose memory may be reused */
  group(from: RecordBatch, extras: readonly RecordExtras[], spare: RecordBatch = createBatch(0)): Grouped {
    const { count } = from
    const to = capacityOf(spare) < count ? createBatch(Math.ceil(count * 1.25)) : spare
    const groups = this.#assignGroups(from)
    let place = 0
    for (let group = 0; group < groups; group += 1) {
      const size = this.#next[group] ?? 0
      to.groups[group] = size
      this.#next[group] = place
      place += size
    }
    to.groupCount = groups
    to.count = count
    const moved: RecordExtras[] = []
    let nextExtra = 0
    for (let at = 0; at < count; at += 1) {
      const group = this.#groups[at] ?? 0
      const where = this.#next[group] ?? 0
      this.#next[group] = where + 1
      copy(from.words, at * ROW.words, to.words, where * ROW.words)
      const extra = extras[nextExtra]
      if (extra?.at !== at) continue
      moved.push({ ...extra, at: where })
      nextExtra += 1
    }
    return { batch: to, extras: moved.sort((a, b) => a.at - b.at) }
  }

  /** Finds the group of each record, counts the records of each group in `#next`, and returns the number of groups. */
  #assignGroups({ count, words }: RecordBatch): number {
    this.#reserve(count)
    const slots = this.#slots
    const mask = slots.length - 1
    let groups = 0
    for (let at = 0; at < count; at += 1) {
      const row = at * ROW.words
      const hash =
        Math.imul((words[row + ROW.request] ?? 0) ^ (words[row + ROW.trace + 3] ?? 0), 0x9e3779b1) ^
        (words[row + ROW.request + 1] ?? 0)
      let slot = (hash ^ (hash >>> 15)) & mask
      let group = (slots[slot] ?? 0) - 1
      while (group !== -1 && !isSame(words, (this.#first[group] ?? 0) * ROW.words, row)) {
        slot = (slot + 1) & mask
        group = (slots[slot] ?? 0) - 1
      }
      if (group === -1) {
        group = groups
        groups += 1
        slots[slot] = groups
        this.#first[group] = at
        this.#next[group] = 0
      }
      this.#groups[at] = group
      this.#next[group] = (this.#next[group] ?? 0) + 1
    }
    return groups
  }

  #reserve(count: number): void {
    if (this.#groups.length < count) {
      let slots = 1_024
      while (slots < count * 2) slots *= 2
      this.#slots = new Int32Array(slots)
      this.#groups = new Uint32Array(slots / 2)
      this.#first = new Uint32Array(slots / 2)
      this.#next = new Uint32Array(slots / 2)
    } else this.#slots.fill(0)
  }
}

/** Whether two rows belong to the same request. */
function isSame(words: Uint32Array, a: number, b: number): boolean {
  for (let word: number = ROW.trace; word < ROW.line; word += 1) if (words[a + word] !== words[b + word]) return false
  return (((words[a + ROW.kind] ?? 0) ^ (words[b + ROW.kind] ?? 0)) & ID_FLAGS) === 0
}

/** Copies a row word by word: copying a NaN as a number may change its bits. */
function copy(from: Uint32Array, at: number, to: Uint32Array, where: number): void {
  for (let word = 0; word < ROW.words; word += 1) to[where + word] = from[at + word] ?? 0
}
