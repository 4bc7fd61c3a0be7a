import { withFragments } from '../../history/apply-partial-records.ts'
import { judge } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { RecordBlock } from '../../record/record-batch.ts'
import type { Fragment } from '../../record/partial-record.ts'
import { Ledger, type LedgerOptions, type Place } from './request-table.ts'
import type { StuckLimits } from '../stuck-thresholds.ts'
import { reportOf } from '../build-report.ts'
import type { AuditReport } from '../report.ts'

/** What an audit is asked. */
export interface AuditQuestion {
  /** The moment to which ages are counted, in epoch milliseconds; `'end'` for the last line's. */
  readonly now: number | 'end'
  readonly limits: StuckLimits
}

/**
 * Finds the requests that are stuck and the lines that no run of the machine writes.
 *
 * The answer depends on what the lines say alone: not on their order, on repeats, or on lines of others. Damaged
 * lines are counted, accuse nobody, and what they alone told is listed under gaps.
 */
export class Auditor {
  readonly #table: TransitionTable
  readonly #ledger: Ledger
  readonly #fragments = new Map<string, Fragment>()
  /** Lines of each block of each file. */
  readonly #lines = new Map<string, number[]>()
  #others = 0
  #damaged = 0
  #records = 0

  constructor(table: TransitionTable, options: LedgerOptions) {
    this.#table = table
    this.#ledger = new Ledger(table, options)
  }

  add(block: RecordBlock): void {
    const { rows, fragments, others, damaged, file, index, lines, begins } = block
    this.#records += rows.count
    this.#others += others
    this.#damaged += damaged
    // A damaged line that was repeated is still one line.
    for (const fragment of fragments) this.#fragments.set(JSON.stringify(fragment), fragment)
    const counts = this.#lines.get(file) ?? []
    this.#lines.set(file, counts)
    counts[index] = lines
    this.#ledger.add(block)
    this.#ledger.forget(begins)
  }

  /** Whether all has to be read once more, with an auditor of the same {@link LedgerOptions}. */
  mustReadAgain(): boolean {
    return this.#ledger.doubts()
  }

  /** The answer; nothing can be added after it. */
  report({ now, limits }: AuditQuestion): AuditReport {
    const ledger = this.#ledger
    const histories = [...ledger.rest(this.#linesBefore())]
    const verdicts = withFragments(
      histories.map((history) => judge(history, this.#table)),
      [...this.#fragments.values()],
      this.#table,
    )
    const counts = { lines: this.#records + this.#others + this.#damaged, other_lines: this.#others, damaged_lines: this.#damaged }
    const end = Number.isFinite(ledger.latest) ? ledger.latest : Date.now()
    return reportOf({ table: this.#table, ledger, verdicts, counts, now: now === 'end' ? end : now, limits })
  }

  #linesBefore(): (place: Place) => number {
    const before = new Map([...this.#lines].map(([file, counts]) => [file, sums(counts)]))
    return ({ file, index }) => before.get(file)?.[index] ?? 0
  }
}

/** For each place the sum of all numbers before it. */
function sums(counts: readonly number[]): number[] {
  let sum = 0
  return counts.map((count) => (sum += count) - count)
}
