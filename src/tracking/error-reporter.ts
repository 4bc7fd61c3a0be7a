import { isThenable } from './promises.ts'

/** Counts what goes wrong with tracking itself, and tells the first of it on stderr: no request ever pays for it. */
export class ErrorReporter {
  count = 0
  readonly #service: string
  #last: unknown

  constructor(service: string) {
    this.#service = service
  }

  /** Runs a part of tracking; what it throws is counted, not passed on, and so is what its promise is rejected with. */
  run<T>(part: () => T): T | undefined {
    try {
      const result = part()
      this.watch(result)
      return result
    } catch (error) {
      this.report(error)
      return undefined
    }
  }

  /** Where a part gave a promise, its rejection counts: unheard, it would end the process. */
  watch(result: unknown): void {
    if (result !== undefined && isThenable(result)) result.then(undefined, this.report)
  }

  /** Counts a fault. A stream may report the error of one write to several listeners: it counts once. */
  readonly report = (error: unknown): void => {
    if (error === this.#last && typeof error === 'object') return
    this.#last = error
    this.count += 1
    if (this.count > 1) return
    const text = `throughline: tracking of "${this.#service}" failed and the request went on: ${describe(error)} (told once; see tracker.stats.faults)\n`
    // Where stderr itself is closed there is nobody left to tell.
    try {
      process.stderr.write(text, () => undefined)
    } catch (unwritable) {
      this.#last = unwritable
    }
  }
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return 'an error that cannot be read'
  }
}
