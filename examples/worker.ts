/**
 * Any queue: the message's headers hand the request off, and the worker completes it.
 *
 *   npx tsx examples/worker.ts
 */
import { createTracker, trackRequest } from 'throughline'

interface Message {
  readonly headers: Record<string, string>
  readonly order: number
}

// Stands in for your broker.
const queue: Message[] = []

const tracker = createTracker({ service: 'api' })
const request = tracker.start()
request.authenticated()
await request.enqueue((headers) => queue.push({ headers, order: 42 }))

const work = trackRequest((message: Message) => `packed ${String(message.order)}`, {
  service: 'worker',
  path: 'orders',
  carrier: (message) => message.headers,
})

for (const message of queue) console.log(work(message))
console.log(`in flight: ${String(tracker.inFlight().length)}`)
