import { writeSync } from 'node:fs'

/** The descriptor that a test reads marks from. */
const FD = 3

/** Where a program is to kill itself: at the so manyth mark of that name. */
export interface Death {
  readonly at: string
  readonly nth: number
}

/**
 * A program's own account of what it did, which owes nothing to the library and outlives whatever kills the process:
 * each mark is handed to the operating system before the call returns.
 */
export class Marks {
  readonly #death: Death | undefined
  #marks = 0
  #deadly = 0
  #turning = false

  constructor(death?: Death) {
    this.#death = death
  }

  readonly mark = (what: string, id: string): void => {
    writeSync(FD, `${what} ${id}\n`)
    this.#marks += 1
    if (what === this.#death?.at && ++this.#deadly === this.#death.nth) process.kill(process.pid, 'SIGKILL')
    if (this.#turning) return
    this.#turning = true
    setImmediate(this.#turn)
  }

  /**
   * Tells how many marks are older than one whole turn of the event loop. The lines of these must be out, whatever is
   * gathered for a turn: what was to happen at the end of theirs has happened.
   */
  readonly #turn = (): void => {
    const old = this.#marks
    setImmediate(() => {
      writeSync(FD, `turned ${String(old)}\n`)
      this.#turning = this.#marks > old
      if (this.#turning) setImmediate(this.#turn)
    })
  }
}
