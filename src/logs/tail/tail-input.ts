import { openLog } from '../files/open.ts'
import { STDIN } from '../files/resolve.ts'
import { splitLines, type NumberedLine } from '../split-lines.ts'

/** Reads standard input one batch ahead, so that `drain` never has to wait. */
export class TailedInput {
  readonly #batches = splitLines(openLog(STDIN))
  readonly #onReady: () => void
  #ready: (() => NumberedLine[])[] = []
  #ended = false
  #stopped = false

  /** @param onReady called when there are lines to drain, or the input has ended */
  constructor(onReady: () => void) {
    this.#onReady = onReady
    this.#readBatch()
  }

  /** Whether the input has ended and everything has been drained. */
  get ended(): boolean {
    return this.#ended && this.#ready.length === 0
  }

  /**
   * The lines that have arrived since the last call.
   *
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE if it cannot be read
   */
  drain(): NumberedLine[] {
    const ready = this.#ready.pop()
    if (ready === undefined) return []
    if (!this.#ended) this.#readBatch()
    return ready()
  }

  /** Stops reading. Otherwise an input that is never closed would keep the process alive. */
  stop(): void {
    this.#stopped = true
    if (!this.#ended) process.stdin.destroy()
  }

  #readBatch(): void {
    const settled = (ended: boolean, result: () => NumberedLine[]): void => {
      this.#ended = ended
      this.#ready = this.#stopped ? [] : [result]
      this.#onReady()
    }
    this.#batches.next().then(
      ({ done, value }) => settled(done === true, () => (done === true ? [] : value)),
      (error: unknown) =>
        settled(true, () => {
          throw error
        }),
    )
  }
}
