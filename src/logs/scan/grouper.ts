import { columnsFor, type OddRecord, type RecordColumns } from '../../transition/columns.ts'

/** Records, those of one request side by side. */
export interface Grouped {
  readonly columns: RecordColumns
  readonly odd: readonly OddRecord[]
}

/**
 * Puts the records of each request side by side, requests in the order of their first records.
 *
 * Whoever reads them then looks each request up once, and not for each record; and this can be done in many threads.
 */
export class Grouper {
  /** By hash: a group, plus one; 0 where there is none. */
  #slots = new Int32Array(0)
  /** Of each record its group; of each group its first record, and where its next one goes. */
  #groups = new Uint32Array(0)
  #first = new Uint32Array(0)
  #next = new Uint32Array(0)

  /** @param spare columns that nobody needs any more */
  group(from: RecordColumns, odd: readonly OddRecord[], spare: RecordColumns = columnsFor(0)): Grouped {
    const { count } = from
    const to = spare.kind.length < count ? columnsFor(Math.ceil(count * 1.25)) : spare
    const groups = this.#grouped(from)
    let place = 0
    for (let group = 0; group < groups; group += 1) {
      const size = this.#next[group] ?? 0
      to.groups[group] = size
      this.#next[group] = place
      place += size
    }
    to.groupCount = groups
    to.count = count
    const moved: OddRecord[] = []
    let nextOdd = 0
    for (let at = 0; at < count; at += 1) {
      const group = this.#groups[at] ?? 0
      const where = this.#next[group] ?? 0
      this.#next[group] = where + 1
      copy(from, at, to, where)
      for (let strange = odd[nextOdd]; strange?.at === at; strange = odd[nextOdd]) {
        moved.push({ ...strange, at: where })
        nextOdd += 1
      }
    }
    return { columns: to, odd: moved.sort((a, b) => a.at - b.at) }
  }

  /** Finds the group of each record, and counts them in `#next`; how many groups there are. */
  #grouped(from: RecordColumns): number {
    const { count, request, trace } = from
    this.#room(count)
    const slots = this.#slots
    const mask = slots.length - 1
    let groups = 0
    for (let at = 0; at < count; at += 1) {
      const hash = Math.imul((request[at * 2] ?? 0) ^ (trace[at * 4 + 3] ?? 0), 0x9e3779b1) ^ (request[at * 2 + 1] ?? 0)
      let slot = (hash ^ (hash >>> 15)) & mask
      let group = (slots[slot] ?? 0) - 1
      while (group !== -1 && !isSame(from, this.#first[group] ?? 0, at)) {
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

  #room(count: number): void {
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

function isSame({ request, trace, flags }: RecordColumns, a: number, b: number): boolean {
  return (
    request[a * 2] === request[b * 2] &&
    request[a * 2 + 1] === request[b * 2 + 1] &&
    trace[a * 4 + 3] === trace[b * 4 + 3] &&
    trace[a * 4 + 2] === trace[b * 4 + 2] &&
    trace[a * 4 + 1] === trace[b * 4 + 1] &&
    trace[a * 4] === trace[b * 4] &&
    flags[a] === flags[b]
  )
}

/** Field by field: this runs for each line of a log. */
function copy(from: RecordColumns, at: number, to: RecordColumns, where: number): void {
  to.kind[where] = from.kind[at] ?? 0
  to.trace[where * 4] = from.trace[at * 4] ?? 0
  to.trace[where * 4 + 1] = from.trace[at * 4 + 1] ?? 0
  to.trace[where * 4 + 2] = from.trace[at * 4 + 2] ?? 0
  to.trace[where * 4 + 3] = from.trace[at * 4 + 3] ?? 0
  to.request[where * 2] = from.request[at * 2] ?? 0
  to.request[where * 2 + 1] = from.request[at * 2 + 1] ?? 0
  to.flags[where] = from.flags[at] ?? 0
  to.time[where] = from.time[at] ?? 0
  to.dwell[where] = from.dwell[at] ?? 0
  to.seq[where] = from.seq[at] ?? 0
  to.attempt[where] = from.attempt[at] ?? 0
  to.line[where] = from.line[at] ?? 0
}
