import { isThenable } from './promises.ts'

/** Counts tracking errors and prints the first to stderr. Never fails a request. */
export class ErrorReporter {
  count = 0
  readonly #service: string
  #last: unknown

  constructor(service: string) {
    this.#service = service
  }

  /**
   * Runs a part of tracking. An error that it throws, or with which its promise is rejected, is reported and not passed
   * on.
   */
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

  /** Reports the rejection of a promise, which would otherwise end the process; any other value is ignored. */
  watch(result: unknown): void {
    if (result !== undefined && isThenable(result)) result.then(undefined, this.report)
  }

  /** Counts an error. The same error object counts once: a stream may emit it to several listeners. */
  readonly report = (error: unknown): void => {
    if (error === this.#last && typeof error === 'object') return
    this.#last = error
    this.count += 1
    if (this.count > 1) return
    const reason = describe(error)
    const text = `throughline: tracking of "${this.#service}" failed and the request went on: ${reason} (printed once; see tracker.stats.faults)\n`
    // stderr may be closed; then nothing can be printed.
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
