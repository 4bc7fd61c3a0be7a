/** Runs a handler that nobody waits for, and tells whether it came to its end or failed, at once or by its promise. */
export function runHandler(
  handle: () => unknown,
  { onDone, onError }: { readonly onDone?: () => void; readonly onError: (error: unknown) => void },
): void {
  try {
    const result = handle()
    if (isThenable(result)) result.then(onDone, onError)
    else onDone?.()
  } catch (error) {
    onError(error)
  }
}

/** True for a promise, of whatever make. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
