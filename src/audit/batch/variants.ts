import { assess } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { RecordKind } from '../../record/record-batch.ts'
import type { TransitionRecord } from '../../record/record.ts'
import type { StateCounter, StateCounters } from '../state-counts.ts'
import type { LinePool } from './line-pool.ts'
import type { RecordKinds } from './record-kinds.ts'

/** Requests whose sequence of steps is not among the first ones are assessed one by one. */
const MAX_NODES = 20_000
const MAX_SEQS = 64
const MAX_ATTEMPTS = 8

/** A distinct sequence of steps, each in its service: the term of process mining. */
export interface Variant {
  /** Ended, complete and valid: such requests differ only in their times. */
  readonly isClean: boolean
  readonly duplicates: number
  /** The names of the states, joined by ` > `. */
  readonly path: string
  readonly steps: readonly VariantStep[]
  /** The number of clean requests. */
  count: number
}

export interface VariantStep {
  readonly kind: RecordKind
  readonly entered: StateCounter
  /** The state and service in which the time before the step was spent. */
  readonly left: StateCounter | undefined
  /** Whether the handler did not report it. */
  readonly implied: boolean
}

interface Node {
  /** By the id of the step. */
  readonly next: (Node | undefined)[]
  variant: Variant | undefined
}

/**
 * Assesses each sequence of steps once for all requests that have it.
 *
 * An assessment depends on the steps and not on their times, as long as no two of them have the same attempt and `seq`.
 */
export class Variants {
  readonly #table: TransitionTable
  readonly #kinds: RecordKinds
  readonly #counters: StateCounters
  readonly #root: Node = { next: [], variant: undefined }
  #nodes = 0
  /** By kind, `seq`, attempt and `implied`: a small number for each step, in the order of first use. */
  readonly #stepIds: (number | undefined)[] = []
  #stepCount = 0
  readonly #clean: Variant[] = []

  constructor(table: TransitionTable, kinds: RecordKinds, counters: StateCounters) {
    this.#table = table
    this.#kinds = kinds
    this.#counters = counters
  }

  /**
   * The variant of a request; undefined if it has to be assessed by itself.
   *
   * @param lines its transitions, by attempt and `seq`
   */
  of(lines: readonly number[], pool: LinePool): Variant | undefined {
    let node: Node | undefined = this.#root
    for (const line of lines) {
      const implied = pool.impliedFlag(line) === 0 ? 0 : 1
      const step = this.#stepId(pool.kind(line) * 2 + implied, pool.seq(line), pool.attempt(line))
      node = step === undefined ? undefined : (node.next[step] ?? this.#addNode(node, step))
      if (node === undefined) return undefined
    }
    if (node.variant === undefined) {
      node.variant = this.#assess(lines, pool)
      if (node.variant.isClean) this.#clean.push(node.variant)
    }
    return node.variant
  }

  /** The clean variants. */
  get clean(): readonly Variant[] {
    return this.#clean
  }

  #stepId(kind: number, seq: number, attempt: number): number | undefined {
    if (seq >= MAX_SEQS || attempt > MAX_ATTEMPTS - 2) return undefined
    // Small, because there are few kinds, unless an application uses ids as the names of its notes.
    return (this.#stepIds[(kind * MAX_SEQS + seq) * MAX_ATTEMPTS + attempt + 1] ??= this.#stepCount++)
  }

  #addNode(node: Node, step: number): Node | undefined {
    if (this.#nodes === MAX_NODES) return undefined
    this.#nodes += 1
    return (node.next[step] = { next: [], variant: undefined })
  }

  #assess(lines: readonly number[], pool: LinePool): Variant {
    const kinds = lines.map((line) => this.#kinds.get(pool.kind(line)))
    const transitions = lines.map((line, index) => ({
      record: recordOf(kinds[index], pool.seq(line), pool.attempt(line), index),
      file: '',
      line: 0,
    }))
    const { ended, invalid, missing, duplicates } = assess(
      { key: '', traceId: '', requestId: '', transitions, notes: [] },
      this.#table,
    )
    return {
      isClean: ended && invalid.length === 0 && missing.length === 0,
      duplicates,
      path: pathOf(kinds),
      steps: kinds.map((kind, index) => ({
        kind,
        entered: this.#counters.of(kind.state, kind.service),
        left: this.#counterLeft(kinds, index),
        implied: pool.impliedFlag(lines[index] ?? 0) !== 0,
      })),
      count: 0,
    }
  }

  #counterLeft(kinds: readonly RecordKind[], index: number): StateCounter | undefined {
    const { from, service } = kinds[index] ?? {}
    if (from === undefined || service === undefined) return undefined
    return this.#counters.of(from, enteredBy(kinds, index) ?? service)
  }
}

/** The service that entered the state which a step left; undefined if that line is missing. */
export function enteredBy(
  steps: readonly Pick<RecordKind, 'service' | 'state' | 'from'>[],
  index: number,
): string | undefined {
  const from = steps[index]?.from
  return steps.slice(0, index).findLast(({ state }) => state === from)?.service
}

/** The name of a path: its states, joined by ` > `. */
export function pathOf(steps: readonly Pick<RecordKind, 'state'>[]): string {
  return steps.map(({ state }) => state).join(' > ')
}

/** @param time only the order of the times matters */
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
