/** The program of shutdown.test.ts: a process with one request in flight, which ends as its argument says. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTracker } from '../../src/handlers/track-request.ts'

const mode = process.argv[2]
if (mode === 'handler') process.on('SIGTERM', () => setImmediate(() => process.exit(7)))
// Ends the process only if there is no other listener, as a widely used package does.
if (mode === 'polite') process.on('SIGTERM', () => process.listenerCount('SIGTERM') === 1 && process.exit(8))

function startRequests(): void {
  const tracker = createTracker({ service: 'api' })
  const ended = tracker.start()
  for (const event of ['AUTH_OK', 'PROCESS', 'RESPOND']) ended.send(event)
  tracker.start()
}

startRequests()
// The tracker and the request are unreachable and may be collected: the request must be noted nevertheless.
for (let turn = 0; turn < 3; turn += 1) {
  await nextTurn()
  globalThis.gc?.()
}
if (mode === 'exit') process.exit(3)
if (mode === 'throw') throw new Error('uncaught')
process.send?.('ready')
process.on('message', () => undefined)
