import { setTimeout } from 'node:timers/promises'

const POLL_MS = 50
const MOST_MS = 30_000

/** Waits until something holds; what is asked is polled. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const from = performance.now()
  while (!(await holds())) {
    if (performance.now() - from > MOST_MS) throw new Error(`waited ${MOST_MS / 1_000} s in vain until ${what}`)
    await setTimeout(POLL_MS)
  }
}
