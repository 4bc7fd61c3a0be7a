import { statSync, writeSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { destinationOf, enter, linesOf, serve } from './_destinations.ts'

// Serves some requests, and comes to its end inside the handler of one more.
const args = process.argv.slice(2)
const [, file = '', ending, served] = args
const destination = destinationOf(args)

/** How many it serves before: another number in each try, because it decides how much is just being kept. */
const SERVED = Number(served)
/** What is under way by then arrives: every way is met in calm, and not while its threads start. */
const SETTLED_MS = 50
/** For ever, as seen by who kills it long before; but not where nobody is left to do so. */
const FOR_EVER_MS = 10_000
const STDERR = 2

for (let request = 0; request < SERVED; request += 1) {
  serve(destination, request)
  await setImmediate()
}
while (statSync(file).size === 0) await setTimeout(10)
await setTimeout(SETTLED_MS)

enter(destination, linesOf(SERVED))
if (ending === 'abort') process.abort()
if (ending === 'kill') process.kill(process.pid, 'SIGKILL')
// Nothing comes out of a process that is blocked but what is written at once.
writeSync(STDERR, 'blocked')
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FOR_EVER_MS)
