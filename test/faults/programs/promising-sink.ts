/** A sink that returns a promise, as an async function does, which is rejected. The process tells whether it outlives that. */
import { createTracker } from '../../../src/handlers/track-request.ts'

const fail = (): Promise<never> => Promise.reject(new Error('the database is down'))
const sink = { write: fail, flush: fail }
const tracker = createTracker({ service: 'api', logger: false, sinks: [sink] })
process.send?.(0)
process.on('message', (order) => {
  if (order === 'start') tracker.start()
  else tracker.close()
  // Node ends a process for a rejection that nobody handles before the next turn.
  setImmediate(() => process.send?.(tracker.stats))
})
