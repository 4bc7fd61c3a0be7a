import { applyPartialRecords } from '../../history/apply-partial-records.ts'
import { assess } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { RecordBlock } from '../../record/record-batch.ts'
import type { PartialRecord } from '../../record/partial-record.ts'
import { RequestTable, type RequestTableOptions, type Place } from './request-table.ts'
import type { StuckThresholds } from '../stuck-thresholds.ts'
import { buildReport } from '../build-report.ts'
import type { AuditReport } from '../report.ts'

/** When ages are measured, and the thresholds. */
export interface ReportOptions {
  /** The time at which ages are measured, in epoch milliseconds; `'end'` is that of the last line. */
  readonly now: number | 'end'
  readonly limits: StuckThresholds
}

/**
 * Finds the requests that are stuck and the lines that no run of the machine writes.
 *
 * The report depends on the content of the lifecycle lines, and not on their order, on repeats, or on other lines.
 * Damaged lines are counted. They cause no finding; a step that only a damaged line shows is listed as a gap.
 */
export class BatchAudit {
  readonly #table: TransitionTable
  readonly #requests: RequestTable
  readonly #partials = new Map<string, PartialRecord>()
  /** The number of lines of each block, by file. */
  readonly #lines = new Map<string, number[]>()
  #otherLines = 0
  #damagedLines = 0
  #records = 0

  constructor(table: TransitionTable, options: RequestTableOptions) {
    this.#table = table
    this.#requests = new RequestTable(table, options)
  }

  add(block: RecordBlock): void {
    const { batch, partials, otherLines, damagedLines, file, index, lines, startTime } = block
    this.#records += batch.count
    this.#otherLines += otherLines
    this.#damagedLines += damagedLines
    // A repeated damaged line counts once.
    for (const partial of partials) this.#partials.set(JSON.stringify(partial), partial)
    const counts = this.#lines.get(file) ?? []
    this.#lines.set(file, counts)
    counts[index] = lines
    this.#requests.add(block)
    this.#requests.evictBefore(startTime)
  }

  /** Whether everything has to be read again, by an audit with the same {@link RequestTableOptions}. */
  needsSecondPass(): boolean {
    return this.#requests.needsSecondPass()
  }

  /** The report; no block may be added after it. */
  report({ now, limits }: ReportOptions): AuditReport {
    const requestTable = this.#requests
    const histories = [...requestTable.remaining(this.#linesBefore())]
    const assessments = applyPartialRecords(
      histories.map((history) => assess(history, this.#table)),
      [...this.#partials.values()],
      this.#table,
    )
    const counts = {
      lines: this.#records + this.#otherLines + this.#damagedLines,
      other_lines: this.#otherLines,
      damaged_lines: this.#damagedLines,
    }
    const end = Number.isFinite(requestTable.latest) ? requestTable.latest : Date.now()
    return buildReport({
      table: this.#table,
      requestTable,
      assessments,
      counts,
      now: now === 'end' ? end : now,
      limits,
    })
  }

  #linesBefore(): (place: Place) => number {
    const before = new Map([...this.#lines].map(([file, counts]) => [file, sums(counts)]))
    return ({ file, index }) => before.get(file)?.[index] ?? 0
  }
}

/** For each index the sum of all numbers before it. */
function sums(counts: readonly number[]): number[] {
  let sum = 0
  return counts.map((count) => (sum += count) - count)
}
