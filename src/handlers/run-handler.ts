import { isThenable } from '../tracking/promises.ts'

/** Called once each, at most: when a handler has finished, and when it threw or its promise was rejected. */
export interface HandlerEnd {
  readonly onDone?: () => void
  readonly onError: (error: unknown) => void
}

/** Runs a handler whose result the host ignores, and reports when it finished or failed, synchronously or later. */
export function runHandler(handle: () => unknown, { onDone, onError }: HandlerEnd): void {
  try {
    const result = handle()
    if (isThenable(result)) result.then(onDone, onError)
    else onDone?.()
  } catch (error) {
    onError(error)
  }
}
