import { setTimeout } from 'node:timers/promises'

const POLL_MS = 50
/** Long, for slow machines: a process that ends early fails the demo at once. */
const MAX_WAIT_MS = 300_000

/**
 * Polls a condition until it is true.
 *
 * @throws Error after 5 minutes that names what was waited for
 */
export async function waitUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > MAX_WAIT_MS)
      throw new Error(`waited ${MAX_WAIT_MS / 1_000} s until ${what}, without success`)
    await setTimeout(POLL_MS)
  }
}
