/** Tracks in a thread, with or without `stdout: true`, and writes what the thread's stream received to stderr. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { isMainThread, Worker } from 'node:worker_threads'
import { createTracker } from '../../../src/handlers/track-request.ts'

if (isMainThread) {
  // A thread does not inherit the loader of TypeScript.
  const program = `import('tsx/esm/api').then(({ tsImport }) => tsImport(workerData, workerData))`
  const worker = new Worker(`const { workerData } = require('node:worker_threads')\n${program}`, {
    eval: true,
    stdout: process.argv[2] === 'own',
    workerData: import.meta.url,
  })
  const received = process.argv[2] === 'own' ? text(worker.stdout) : Promise.resolve('')
  await once(worker, 'exit')
  process.stderr.write(await received)
} else {
  const tracker = createTracker({ service: 'shop' })
  console.log('hello')
  tracker.start({}, { path: '/one' }).responded()
  // The thread ends at once, as with an error that nobody catches.
  tracker.start({}, { path: '/two' })
  process.exit()
}
