import { judge } from '../history/verdict.ts'
import type { TransitionTable } from '../lifecycle/table.ts'
import type { RecordKind } from '../transition/columns.ts'
import type { TransitionRecord } from '../transition/record.ts'
import type { Kinds } from './kinds.ts'
import type { Tallies, Tally } from './tallies.ts'

/** A way that requests went: the same steps in the same services. */
export interface Variant {
  /** Ended, whole and valid: nothing but its times tells one such request from another. */
  readonly clean: boolean
  readonly duplicates: number
  /** The states, one after the other. */
  readonly path: string
  readonly steps: readonly VariantStep[]
  /** How many clean requests went it. */
  count: number
}

export interface VariantStep {
  readonly kind: RecordKind
  readonly entered: Tally
  /** Where the time before the step was spent. */
  readonly left: Tally | undefined
}

interface Node {
  readonly next: Map<number, Node>
  variant?: Variant
}

/** Ways beyond these are judged request by request. */
const MOST_NODES = 20_000
const MOST_SEQS = 2 ** 13

/**
 * Judges a way once for all requests that went it.
 *
 * A verdict depends on what the steps are and not on when they were, as long as no two of them have the same number.
 */
export class Variants {
  readonly #table: TransitionTable
  readonly #kinds: Kinds
  readonly #tallies: Tallies
  readonly #root: Node = { next: new Map() }
  #nodes = 0
  readonly #clean: Variant[] = []
  #at: Node | undefined

  constructor(table: TransitionTable, kinds: Kinds, tallies: Tallies) {
    this.#table = table
    this.#kinds = kinds
    this.#tallies = tallies
  }

  /** Begins a way; then comes {@link step} for each step, by attempt and `seq`, and {@link end}. */
  begin(): void {
    this.#at = this.#root
  }

  step(kind: number, seq: number, attempt: number): void {
    if (this.#at === undefined) return
    if (seq >= MOST_SEQS || attempt >= MOST_SEQS - 1) {
      this.#at = undefined
      return
    }
    const key = (kind * MOST_SEQS + seq) * MOST_SEQS + attempt + 1
    let node = this.#at.next.get(key)
    if (node === undefined && this.#nodes < MOST_NODES) {
      node = { next: new Map() }
      this.#nodes += 1
      this.#at.next.set(key, node)
    }
    this.#at = node
  }

  /** What the way comes to; undefined where it has to be judged by itself. */
  end(steps: () => readonly StepTaken[]): Variant | undefined {
    if (this.#at === undefined) return undefined
    if (this.#at.variant === undefined) {
      this.#at.variant = this.#judged(steps())
      if (this.#at.variant.clean) this.#clean.push(this.#at.variant)
    }
    return this.#at.variant
  }

  /** The clean ways, with how often they were gone. */
  get clean(): readonly Variant[] {
    return this.#clean
  }

  #judged(taken: readonly StepTaken[]): Variant {
    const kinds = taken.map(({ kind }) => this.#kinds.of(kind))
    const transitions = taken.map(({ seq, attempt }, index) => ({ record: recordOf(kinds[index], seq, attempt, index), file: '', line: 0 }))
    const { ended, invalid, missing, duplicates } = judge({ key: '', traceId: '', requestId: '', transitions, notes: [] }, this.#table)
    return {
      clean: ended && invalid.length === 0 && missing.length === 0,
      duplicates,
      path: pathOf(kinds),
      steps: kinds.map((kind, index) => ({ kind, entered: this.#tallies.of(kind.state, kind.service), left: this.#left(kinds, index) })),
      count: 0,
    }
  }

  #left(kinds: readonly RecordKind[], index: number): Tally | undefined {
    const { from, service } = kinds[index] ?? {}
    if (from === undefined || service === undefined) return undefined
    return this.#tallies.of(from, enteredBy(kinds, index) ?? service)
  }
}

export interface StepTaken {
  readonly kind: number
  readonly seq: number
  /** -1 where none. */
  readonly attempt: number
}

/** The service that entered the state which the step left, where that is told. */
export function enteredBy(steps: readonly Pick<RecordKind, 'service' | 'state' | 'from'>[], index: number): string | undefined {
  const from = steps[index]?.from
  return steps.slice(0, index).findLast(({ state }) => state === from)?.service
}

/** States, one after the other, as a way is named. */
export function pathOf(steps: readonly Pick<RecordKind, 'state'>[]): string {
  return steps.map(({ state }) => state).join(' > ')
}

/** The times of a way tell nothing but its order. */
function recordOf(kind: RecordKind | undefined, seq: number, attempt: number, time: number): TransitionRecord {
  const { service = '', event, from, state = '' } = kind ?? {}
  return {
    lifecycle: 'transition',
    time,
    service,
    trace_id: '',
    request_id: '',
    state,
    seq,
    ...(event === undefined ? {} : { event }),
    ...(from === undefined ? {} : { from }),
    ...(attempt === -1 ? {} : { attempt }),
  }
}
