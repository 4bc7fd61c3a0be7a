import { openLog, STDIN } from '../files/open.ts'
import { splitLines, type NumberedLine } from '../split-lines.ts'

/** Standard input, of which one batch at a time is read ahead. */
export class TailedInput {
  readonly #batches = splitLines(openLog(STDIN))
  readonly #came: () => void
  #ready: (() => NumberedLine[])[] = []
  #ended = false
  #stopped = false

  /** @param came is called when there is something to take, or the end */
  constructor(came: () => void) {
    this.#came = came
    this.#ask()
  }

  /** Whether all has been taken, and nothing will come. */
  get ended(): boolean {
    return this.#ended && this.#ready.length === 0
  }

  /**
   * The lines that have come; none where there are none yet.
   *
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where it cannot be read
   */
  drain(): NumberedLine[] {
    const ready = this.#ready.pop()
    if (ready === undefined) return []
    if (!this.#ended) this.#ask()
    return ready()
  }

  /** Stops waiting for more: an input that nobody closes would keep the process alive. */
  stop(): void {
    this.#stopped = true
    if (!this.#ended) process.stdin.destroy()
  }

  #ask(): void {
    const told = (ended: boolean, give: () => NumberedLine[]): void => {
      this.#ended = ended
      this.#ready = this.#stopped ? [] : [give]
      this.#came()
    }
    this.#batches.next().then(
      ({ done, value }) => told(done === true, () => (done === true ? [] : value)),
      (error: unknown) =>
        told(true, () => {
          throw error
        }),
    )
  }
}
