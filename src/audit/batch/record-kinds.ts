import type { TransitionTable } from '../../machine/table.ts'
import { kindKey, type RecordKind } from '../../record/record-batch.ts'

/** All kinds of lines that an audit has met, by number. */
export class RecordKinds {
  readonly #table: TransitionTable
  readonly #numbers = new Map<string, number>()
  readonly #kinds: RecordKind[] = []
  readonly #lists = new WeakMap<readonly RecordKind[], number[]>()
  /** Whether a line of this kind is a transition, and whether it ends its request. */
  readonly transition: boolean[] = []
  readonly final: boolean[] = []

  constructor(table: TransitionTable) {
    this.#table = table
  }

  /** The number of each kind in a list that may have grown since it was last asked for. */
  idsFor(kinds: readonly RecordKind[]): readonly number[] {
    let numbers = this.#lists.get(kinds)
    if (numbers === undefined) this.#lists.set(kinds, (numbers = []))
    for (const kind of kinds.slice(numbers.length)) numbers.push(this.#numberOf(kind))
    return numbers
  }

  #numberOf(kind: RecordKind): number {
    const key = kindKey(kind)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#kinds.push(kind) - 1
    this.#numbers.set(key, number)
    this.transition.push(kind.lifecycle === 'transition')
    this.final.push(kind.lifecycle === 'transition' && this.#table.state[kind.state]?.final === true)
    return number
  }

  get(number: number): RecordKind {
    const kind = this.#kinds[number]
    if (kind === undefined) throw new RangeError(`no kind ${String(number)}`)
    return kind
  }
}
