import { writeSync } from 'node:fs'
import type { Tracker } from '../../../src/handlers/tracker.ts'

/** The descriptor that the test reads marks from. */
const FD = 3

/** A program kills itself at its nth mark of this name. */
export interface SelfKill {
  readonly mark: string
  readonly nth: number
}

/**
 * Records what a program does, independently of the library. Each mark is in the operating system's pipe before the
 * call returns, so it survives the death of the process.
 */
export class MarkWriter {
  readonly #selfKill: SelfKill | undefined
  #marks = 0
  #matches = 0
  #isCounting = false

  constructor(selfKill?: SelfKill) {
    this.#selfKill = selfKill
  }

  readonly mark = (name: string, id: string): void => {
    writeSync(FD, `${name} ${id}\n`)
    this.#marks += 1
    if (name === this.#selfKill?.mark && ++this.#matches === this.#selfKill.nth) process.kill(process.pid, 'SIGKILL')
    if (this.#isCounting) return
    this.#isCounting = true
    setImmediate(this.#countSettled)
  }

  /**
   * Reports how many marks are older than a whole turn of the event loop. Their lines must be out even if lines are
   * buffered until the end of a turn.
   */
  readonly #countSettled = (): void => {
    const count = this.#marks
    setImmediate(() => {
      writeSync(FD, `settled ${String(count)}\n`)
      this.#isCounting = this.#marks > count
      if (this.#isCounting) setImmediate(this.#countSettled)
    })
  }
}

/** On SIGTERM, marks the number of transitions that a tracker has counted, and then ends the process by SIGTERM. */
export function markTransitionsAtSigterm(tracker: Tracker): void {
  process.once('SIGTERM', () => {
    writeSync(FD, `transitions ${String(tracker.stats.transitions)}\n`)
    process.kill(process.pid, 'SIGTERM')
  })
}
