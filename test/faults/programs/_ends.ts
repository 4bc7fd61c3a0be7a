import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Tracker } from '../../../src/handlers/tracker.ts'

/** Resolves after so many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await setImmediate()
}

/** Has a process tell, where it gets SIGTERM, how many transitions its tracker counted; it then ends as if nobody had listened. */
export function countAtSigterm(tracker: Tracker): void {
  process.once('SIGTERM', () => {
    writeSync(3, `transitions ${String(tracker.stats.transitions)}\n`)
    process.kill(process.pid, 'SIGTERM')
  })
}
