import { setImmediate } from 'node:timers/promises'

/** Resolves after this many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await setImmediate()
}
