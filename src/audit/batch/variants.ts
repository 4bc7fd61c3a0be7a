import { assess } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { RecordKind } from '../../record/record-batch.ts'
import type { TransitionRecord } from '../../record/record.ts'
import type { RecordKinds } from './record-kinds.ts'
import type { StateCounters, StateCounter } from '../state-counts.ts'

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
  readonly entered: StateCounter
  /** Where the time before the step was spent. */
  readonly left: StateCounter | undefined
}

interface Node {
  /** By the number of the step. */
  readonly next: (Node | undefined)[]
  variant: Variant | undefined
}

/** Ways beyond these are judged request by request. */
const MAX_NODES = 20_000
const MAX_SEQS = 64
const MAX_ATTEMPTS = 8

/**
 * Judges a way once for all requests that went it.
 *
 * A verdict depends on what the steps are and not on when they were, as long as no two of them have the same number.
 */
export class Variants {
  readonly #table: TransitionTable
  readonly #kinds: RecordKinds
  readonly #tallies: StateCounters
  readonly #root: Node = { next: [], variant: undefined }
  #nodes = 0
  /** Each step as a small number, by its kind, `seq` and attempt. */
  readonly #numbers: (number | undefined)[] = []
  #steps = 0
  readonly #clean: Variant[] = []
  #at: Node | undefined

  constructor(table: TransitionTable, kinds: RecordKinds, tallies: StateCounters) {
    this.#table = table
    this.#kinds = kinds
    this.#tallies = tallies
  }

  /** Begins a way; then comes {@link step} for each step, by attempt and `seq`, and {@link end}. */
  reset(): void {
    this.#at = this.#root
  }

  /** @param attempt -1 where none */
  step(kind: number, seq: number, attempt: number): void {
    const at = this.#at
    if (at === undefined) return
    if (seq >= MAX_SEQS || attempt > MAX_ATTEMPTS - 2) {
      this.#at = undefined
      return
    }
    // Numbers of kinds times these stay small: there are few kinds, unless somebody's notes have ids for names.
    const step = (kind * MAX_SEQS + seq) * MAX_ATTEMPTS + attempt + 1
    const number = (this.#numbers[step] ??= this.#steps++)
    this.#at = at.next[number] ?? this.#grown(at, number)
  }

  #grown(at: Node, number: number): Node | undefined {
    if (this.#nodes === MAX_NODES) return undefined
    this.#nodes += 1
    return (at.next[number] = { next: [], variant: undefined })
  }

  /** What the way comes to; undefined where it has to be judged by itself. */
  end(lines: readonly number[], taken: (line: number) => StepTaken): Variant | undefined {
    const at = this.#at
    if (at === undefined) return undefined
    if (at.variant === undefined) {
      at.variant = this.#judged(lines.map(taken))
      if (at.variant.clean) this.#clean.push(at.variant)
    }
    return at.variant
  }

  /** The clean ways, with how often they were gone. */
  get clean(): readonly Variant[] {
    return this.#clean
  }

  #judged(taken: readonly StepTaken[]): Variant {
    const kinds = taken.map(({ kind }) => this.#kinds.get(kind))
    const transitions = taken.map(({ seq, attempt }, index) => ({
      record: recordOf(kinds[index], seq, attempt, index),
      file: '',
      line: 0,
    }))
    const { ended, invalid, missing, duplicates } = assess(
      { key: '', traceId: '', requestId: '', transitions, notes: [] },
      this.#table,
    )
    return {
      clean: ended && invalid.length === 0 && missing.length === 0,
      duplicates,
      path: pathOf(kinds),
      steps: kinds.map((kind, index) => ({
        kind,
        entered: this.#tallies.of(kind.state, kind.service),
        left: this.#left(kinds, index),
      })),
      count: 0,
    }
  }

  #left(kinds: readonly RecordKind[], index: number): StateCounter | undefined {
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
export function enteredBy(
  steps: readonly Pick<RecordKind, 'service' | 'state' | 'from'>[],
  index: number,
): string | undefined {
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
