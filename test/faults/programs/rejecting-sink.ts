/** A sink whose methods are async and reject. The process replies to each message unless a rejection has ended it. */
import { createTracker } from '../../../src/handlers/track-request.ts'

const fail = (): Promise<never> => Promise.reject(new Error('the database is down'))
const sink = { write: fail, flush: fail }
const tracker = createTracker({ service: 'api', logger: false, sinks: [sink] })
process.send?.(0)
process.on('message', (command) => {
  if (command === 'start') tracker.start()
  else tracker.close()
  // Node ends a process on an unhandled rejection before the next turn.
  setImmediate(() => process.send?.(tracker.stats))
})
