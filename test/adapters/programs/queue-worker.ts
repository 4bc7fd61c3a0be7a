/**
 * A worker that takes a message and never comes to an end, until it is killed: called with the name of a rig, its
 * address, and a queue. Its lines go to standard output; it sends a message to its parent once the work has begun.
 */
import { createTracker } from '../../../src/handlers/track-request.ts'
import type { OpenRig } from '../queue-rig.ts'

const [name = '', address, queue = ''] = process.argv.slice(2)
// Every rig exports this, as queue-contract.ts demands of it.
const { openRig } = (await import(`../queues/${name}.ts`)) as { openRig: OpenRig }
const rig = await openRig(address)
await rig.work(queue, createTracker({ service: 'mortal' }), () => {
  process.send?.('begun')
  return new Promise(() => undefined)
})
