import { runWith } from '../../tracking/storage.ts'
import { badOption } from '../../tracking/settings.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'

/** The members of Lambda's context that are read. */
export interface LambdaContextLike {
  readonly functionName: string
  getRemainingTimeInMillis?(): number
}

/** What all kinds of invocations have in common. */
export interface InvocationOptions {
  /**
   * How many milliseconds before its time-out an invocation notes `TIMEOUT_NEAR` on what it is working on: Lambda itself
   * stops a function without a word.
   *
   * @default 500
   */
  readonly timeoutMargin?: number
}

/** One invocation under way. */
export interface Invocation {
  /** What it is working on. */
  readonly underWay: Set<TrackedRequest | undefined>
  /** Milliseconds until Lambda stops it, where the context tells. */
  readonly timeLeft: number | undefined
}

/**
 * Makes what runs the invocations of a function: when one of them ends all lines are out, since Lambda freezes the process.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION for a margin that cannot be
 */
export function invocations(core: RequestCore, { timeoutMargin = 500 }: InvocationOptions) {
  if (!(timeoutMargin >= 0)) throw badOption('timeoutMargin', 'a number of milliseconds from 0')
  return async <R>(context: LambdaContextLike, work: (invocation: Invocation) => Promise<R>): Promise<R> => {
    const underWay = new Set<TrackedRequest | undefined>()
    const timeLeft = core.settings.errors.run(() => context.getRemainingTimeInMillis?.())
    const near = (): void => {
      for (const request of underWay) request?.note('TIMEOUT_NEAR', { time_left_ms: timeoutMargin })
      core.flush()
    }
    // Where there is less time than that from the start, the first lines have said it all.
    const wait = timeLeft === undefined ? 0 : timeLeft - timeoutMargin
    const timer = wait > 0 ? runWith(undefined, () => setTimeout(near, wait)).unref() : undefined
    try {
      return await work({ underWay, timeLeft })
    } finally {
      clearTimeout(timer)
      core.flush()
    }
  }
}
