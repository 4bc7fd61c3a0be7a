/**
 * A worker that starts to process a message and never finishes. Its arguments are the name of a rig, its address, and a
 * queue. It sends a message to its parent when it has started.
 */
import { createTracker } from '../../../src/handlers/track-request.ts'
import type { OpenRig } from '../queue-rig.ts'

const [name = '', address, queue = ''] = process.argv.slice(2)
// Every rig exports this function.
const { openRig } = (await import(`../queues/${name}.ts`)) as { openRig: OpenRig }
const rig = await openRig(address)
await rig.work(queue, createTracker({ service: 'doomed' }), () => {
  process.send?.('started')
  return new Promise(() => undefined)
})
