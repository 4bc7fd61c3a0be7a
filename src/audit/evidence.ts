import { Histories } from '../history/history.ts'
import type { Fragment } from '../transition/fragment.ts'
import type { LifecycleRecord } from '../transition/record.ts'
import type { LineCounts } from './report.ts'

/** What an audit is made from: fed line by line, in any order. */
export class Evidence {
  readonly histories = new Histories()
  readonly fragments: Fragment[] = []
  #lines = 0
  #other = 0
  #damaged = 0
  #latest = -Infinity

  record(record: LifecycleRecord, file = '', line = 0): void {
    this.#lines += 1
    this.#latest = Math.max(this.#latest, record.time)
    this.histories.add(record, file, line)
  }

  /** A line that is not ours. */
  other(): void {
    this.#lines += 1
    this.#other += 1
  }

  damaged(fragment?: Fragment): void {
    this.#lines += 1
    this.#damaged += 1
    if (fragment !== undefined) this.fragments.push(fragment)
  }

  get counts(): LineCounts {
    return { lines: this.#lines, other_lines: this.#other, damaged_lines: this.#damaged }
  }

  /** The time of the latest record, in epoch milliseconds; undefined where there is none. */
  get latest(): number | undefined {
    return Number.isFinite(this.#latest) ? this.#latest : undefined
  }
}
