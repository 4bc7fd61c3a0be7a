/** The program of shutdown.test.ts: a request in flight, and a process that ends in the way it is told to. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTracker } from '../../src/handlers/track-request.ts'

const way = process.argv[2]
if (way === 'handler') process.on('SIGTERM', () => setImmediate(() => process.exit(7)))
// Ends the process only where nobody else listens, as a widely used package does.
if (way === 'polite') process.on('SIGTERM', () => process.listenerCount('SIGTERM') === 1 && process.exit(8))

function begin(): void {
  const tracker = createTracker({ service: 'api' })
  const ended = tracker.start()
  for (const event of ['AUTH_OK', 'PROCESS', 'RESPOND']) ended.send(event)
  tracker.start()
}

begin()
// Nobody has the tracker or the request any more: what is in flight is told of all the same.
for (let turn = 0; turn < 3; turn += 1) {
  await nextTurn()
  globalThis.gc?.()
}
if (way === 'exit') process.exit(3)
if (way === 'throw') throw new Error('nobody catches this')
process.send?.('ready')
process.on('message', () => undefined)
