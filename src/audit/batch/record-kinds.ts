import type { TransitionTable } from '../../machine/table.ts'
import { kindKey, type RecordKind } from '../../record/record-batch.ts'

/** All record kinds of an audit, each with a number. */
export class RecordKinds {
  readonly #table: TransitionTable
  readonly #idByKey = new Map<string, number>()
  readonly #kinds: RecordKind[] = []
  readonly #idsByList = new WeakMap<readonly RecordKind[], number[]>()
  /** By number: whether records of the kind are transitions, and whether they end their requests. */
  readonly isTransition: boolean[] = []
  readonly isFinal: boolean[] = []

  constructor(table: TransitionTable) {
    this.#table = table
  }

  /** The number of each kind in a list, which may have grown since the last call. */
  idsFor(kinds: readonly RecordKind[]): readonly number[] {
    let ids = this.#idsByList.get(kinds)
    if (ids === undefined) this.#idsByList.set(kinds, (ids = []))
    for (const kind of kinds.slice(ids.length)) ids.push(this.#idOf(kind))
    return ids
  }

  /** The kind with a number. */
  get(id: number): RecordKind {
    const kind = this.#kinds[id]
    if (kind === undefined) throw new RangeError(`no kind ${id}`)
    return kind
  }

  #idOf(kind: RecordKind): number {
    const key = kindKey(kind)
    const known = this.#idByKey.get(key)
    if (known !== undefined) return known
    const id = this.#kinds.push(kind) - 1
    this.#idByKey.set(key, id)
    const isTransition = kind.lifecycle === 'transition'
    this.isTransition.push(isTransition)
    this.isFinal.push(isTransition && this.#table.state[kind.state]?.final === true)
    return id
  }
}
