import { Histories, type Located, type RequestHistory } from '../../history/history.ts'
import { assess, isAfter, type Position, type RequestAssessment } from '../../history/assess.ts'
import type { TransitionTable } from '../../machine/table.ts'
import type { LoggedError } from '../../record/field-types.ts'
import type { LifecycleRecord } from '../../record/record.ts'
import { invalidEntries } from '../report-entries.ts'
import type { InvalidEntry } from '../report.ts'

/** How many of the latest lines of each kind are kept of a request that is retried for weeks. */
const MAX_LINES = 40

/** One request of a live audit. */
export class LiveRequest {
  readonly key: string
  /** Its assessment by whole lines, as of the last call of {@link LiveRequest.assess}. */
  fromWholeLines: RequestAssessment | undefined
  /** Its assessment by whole and damaged lines. */
  assessment: RequestAssessment | undefined
  /** Its position when it was reported as stuck; undefined if it was not, or has moved on. */
  reportedAt: Position | undefined
  /** When it becomes stuck, in epoch milliseconds. */
  due = Infinity
  #lines: Located<LifecycleRecord>[] = []
  #invalid: ReadonlySet<string> = NONE
  #absorbed: Position | undefined
  #lostAttempts = 0
  #latestLost = -1
  #lastError: LoggedError | null = null

  constructor(key: string) {
    this.key = key
  }

  /** How many of its lines are kept. */
  get lines(): number {
    return this.#lines.length
  }

  add(record: LifecycleRecord, file: string, line: number): void {
    if ((record.attempt ?? Infinity) > this.#latestLost) this.#lines.push({ record, file, line })
  }

  /** Assesses it by all its lines. Returns the invalid lines that were not reported before. */
  assess(table: TransitionTable): InvalidEntry[] {
    const histories = new Histories()
    for (const { record, file, line } of this.#lines) histories.add(record, file, line)
    const [history] = histories
    if (history === undefined) return []
    const assessment = assess(history, table)
    this.#lastError = assessment.lastError ?? this.#lastError
    this.fromWholeLines = {
      ...this.#notBehind(assessment, table),
      attempts: assessment.attempts + this.#lostAttempts,
      lastError: this.#lastError,
    }
    this.#keep(history, table)
    const keys = assessment.invalid.map(({ line: { record } }) =>
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
    const reported = this.#invalid
    this.#invalid = keys.length === 0 ? NONE : new Set(keys)
    return invalidEntries(assessment).filter((_, index) => !reported.has(keys[index] ?? ''))
  }

  /** Keeps the position that damaged lines gave it, since these lines are about to be discarded. */
  absorbPartials(): void {
    if (this.assessment?.position !== this.fromWholeLines?.position) this.#absorbed = this.assessment?.position
    this.fromWholeLines = this.assessment
  }

  #notBehind(assessment: RequestAssessment, table: TransitionTable): RequestAssessment {
    const [absorbed, { position }] = [this.#absorbed, assessment]
    if (absorbed !== undefined && isAfter(absorbed, position) && absorbed.since >= position.since) {
      return { ...assessment, position: absorbed, ended: table.state[absorbed.state]?.final === true }
    }
    this.#absorbed = undefined
    return assessment
  }

  #keep({ transitions, notes }: RequestHistory, table: TransitionTable): void {
    this.#lines = [...transitions, ...notes]
    if (this.#lines.length <= 2 * MAX_LINES) return
    const attempts = attemptsOf(this.#lines)
    // The first note in a state may be the only line that says since when the request has been there.
    const first = new Map(
      notes
        .filter(({ record }) => table.state[record.state] !== undefined)
        .reverse()
        .map((note) => [note.record.state, note]),
    )
    const kept = notes.filter(
      (note, index) => index >= notes.length - MAX_LINES || first.get(note.record.state) === note,
    )
    // The earliest lines are dropped: a line without its predecessor is not invalid.
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
