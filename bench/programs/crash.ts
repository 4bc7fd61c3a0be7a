import { statSync, writeSync } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { createLines, openDestination, serveRequest, startRequest } from './_destinations.ts'

// Serves some requests and crashes in the handler of another one: `crash.js DESTINATION FILE CRASH SERVED`.
const args = process.argv.slice(2)
const [, file = '', crash, served] = args
const destination = openDestination(args)

/** Requests before the crash: another number in each try, because it decides how much is buffered. */
const SERVED = Number(served)
/** Time for pending writes, so that no destination crashes while its threads are still starting. */
const SETTLE_MS = 50
/** Much longer than the parent waits before it kills this process; finite in case the parent has exited. */
const BLOCK_MS = 10_000
const STDERR = 2

for (let request = 0; request < SERVED; request += 1) {
  serveRequest(destination, request)
  await setImmediate()
}
while (statSync(file).size === 0) await setTimeout(10)
await setTimeout(SETTLE_MS)

startRequest(destination, createLines(SERVED))
if (crash === 'abort') process.abort()
if (crash === 'kill') process.kill(process.pid, 'SIGKILL')
// Written synchronously, because asynchronous output does not leave a blocked process.
writeSync(STDERR, 'blocked')
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS)
