import { runWith } from '../../tracking/storage.ts'
import type { OptionNames } from '../../tracking/options.ts'
import { badOption } from '../../tracking/settings.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'

/** The members of Lambda's context that are read. */
export interface LambdaContextLike {
  readonly functionName: string
  getRemainingTimeInMillis?(): number
}

/** Options for all kinds of invocations. */
export interface InvocationOptions {
  /**
   * How many milliseconds before its timeout an invocation notes `TIMEOUT_NEAR` on its active requests. Lambda stops a
   * function without a signal.
   *
   * @default 500
   */
  readonly timeoutMargin?: number
}

export const INVOCATION_OPTIONS: OptionNames<InvocationOptions> = { timeoutMargin: true }

/** One invocation. */
export interface Invocation {
  /** The requests that it is processing. */
  readonly active: Set<TrackedRequest | undefined>
  /** Milliseconds until Lambda stops it; undefined if the context does not say. */
  readonly timeLeft: number | undefined
}

/**
 * Returns the function that runs each invocation. It flushes all lines before it settles, since Lambda freezes the
 * process then.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for a negative margin
 */
export function invocations(core: RequestCore, { timeoutMargin = 500 }: InvocationOptions) {
  if (!(timeoutMargin >= 0)) throw badOption('timeoutMargin', 'a number of milliseconds from 0')
  return async <R>(context: LambdaContextLike, work: (invocation: Invocation) => Promise<R>): Promise<R> => {
    const active = new Set<TrackedRequest | undefined>()
    const timeLeft = core.settings.errors.run(() => context.getRemainingTimeInMillis?.())
    const flush = (): void => core.settings.errors.run(() => core.flush())
    const noteTimeout = (): void => {
      for (const request of active) request?.note('TIMEOUT_NEAR', { time_left_ms: timeoutMargin })
      flush()
    }
    // With less time than that from the start, there is nothing to add to the first lines.
    const wait = timeLeft === undefined ? 0 : timeLeft - timeoutMargin
    const timer = wait > 0 ? runWith(undefined, () => setTimeout(noteTimeout, wait)).unref() : undefined
    try {
      return await work({ active, timeLeft })
    } finally {
      clearTimeout(timer)
      flush()
    }
  }
}
