import { Histories, type Located, type RequestHistory } from '../../history/history.ts'
import { assess, type Position, type RequestAssessment } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { LifecycleRecord, LoggedError } from '../../record/record.ts'
import { invalidEntries } from '../report-entries.ts'
import type { InvalidEntry } from '../report.ts'

/** Of a request that is tried again for weeks, so many of the latest lines of each kind are kept. */
const MAX_LINES = 40

/** What is known of one request while its lines come. */
export class LiveRequest {
  readonly key: string
  /** By its whole lines, as of the last call of {@link LiveRequest.assess}. */
  fromWholeLines: RequestAssessment | undefined
  /** The same with what damaged lines say. */
  assessment: RequestAssessment | undefined
  /** Where it stood when it was told as stuck; undefined where it was not, or has moved on. */
  reportedAt: Position | undefined
  /** When it will be stuck, in epoch milliseconds. */
  due = Infinity
  #lines: Located<LifecycleRecord>[] = []
  #invalid: ReadonlySet<string> = NONE
  #settled: Position | undefined
  #lostAttempts = 0
  #latestLost = -1
  #lastError: LoggedError | null = null

  constructor(key: string) {
    this.key = key
  }

  /** How many lines of it are kept. */
  get lines(): number {
    return this.#lines.length
  }

  add(record: LifecycleRecord, file: string, line: number): void {
    if ((record.attempt ?? Infinity) > this.#latestLost) this.#lines.push({ record, file, line })
  }

  /** Judges it anew by all its lines. Returns the invalid ones that were not told yet. */
  assess(table: TransitionTable): InvalidEntry[] {
    const histories = new Histories()
    for (const { record, file, line } of this.#lines) histories.add(record, file, line)
    const [history] = histories
    if (history === undefined) return []
    const verdict = assess(history, table)
    this.#lastError = verdict.lastError ?? this.#lastError
    this.fromWholeLines = {
      ...this.#unlessSettled(verdict, table),
      attempts: verdict.attempts + this.#lostAttempts,
      lastError: this.#lastError,
    }
    this.#keep(history, table)
    const keys = verdict.invalid.map(({ line: { record } }) =>
      JSON.stringify([
        record.attempt,
        record.seq,
        record.time,
        record.from,
        record.event,
        record.state,
        record.service,
      ]),
    )
    const told = this.#invalid
    this.#invalid = keys.length === 0 ? NONE : new Set(keys)
    return invalidEntries(verdict).filter((_, index) => !told.has(keys[index] ?? ''))
  }

  /** Makes what damaged lines said of it its own: they are going to be forgotten. */
  absorbPartials(): void {
    if (this.assessment?.position !== this.fromWholeLines?.position) this.#settled = this.assessment?.position
    this.fromWholeLines = this.assessment
  }

  #unlessSettled(verdict: RequestAssessment, table: TransitionTable): RequestAssessment {
    const [settled, { seq, since }] = [this.#settled, verdict.position]
    if (settled !== undefined && settled.seq > seq && settled.since >= since) {
      return { ...verdict, position: settled, ended: table.state[settled.state]?.final === true }
    }
    this.#settled = undefined
    return verdict
  }

  #keep({ transitions, notes }: RequestHistory, table: TransitionTable): void {
    this.#lines = [...transitions, ...notes]
    if (this.#lines.length <= 2 * MAX_LINES) return
    const attempts = attemptsOf(this.#lines)
    // Since when it is in a state may be told by the first note that found it there.
    const first = new Map(
      notes
        .filter(({ record }) => table.state[record.state] !== undefined)
        .reverse()
        .map((found) => [found.record.state, found]),
    )
    const kept = notes.filter(
      (found, index) => index >= notes.length - MAX_LINES || first.get(found.record.state) === found,
    )
    // What comes first in order is left out: a line whose predecessor is missing is accused of nothing.
    this.#lines = [...transitions.slice(-MAX_LINES), ...kept]
    for (const attempt of attemptsOf(this.#lines)) attempts.delete(attempt)
    this.#lostAttempts += attempts.size
    this.#latestLost = Math.max(this.#latestLost, ...attempts)
  }
}

const NONE: ReadonlySet<string> = new Set()

function attemptsOf(lines: readonly Located<LifecycleRecord>[]): Set<number> {
  return new Set(lines.flatMap(({ record }) => record.attempt ?? []))
}
