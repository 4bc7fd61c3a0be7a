import { setImmediate } from 'node:timers/promises'
import { createTracker } from 'throughline'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'

// Requests that are in flight, and held by nothing but the tracker.
const tracker = createTracker({ service: 'shop', logger: false })

function begin(amount: number, working: boolean): void {
  for (let index = 0; index < amount; index += 1) {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    if (!working) continue
    request.authenticated()
    request.processing()
  }
}

async function used(): Promise<NodeJS.MemoryUsage> {
  for (let time = 0; time < 3; time += 1) {
    if (globalThis.gc === undefined) throw new Error('this needs --expose-gc')
    globalThis.gc()
    await setImmediate()
  }
  return process.memoryUsage()
}

answer({
  run: async (figures) => {
    const amount = figure(figures, 'amount')
    const working = figure(figures, 'working') === 1
    // The first one makes what is made once.
    begin(1, working)
    const before = await used()
    begin(amount, working)
    const after = await used()
    if (tracker.stats.inFlight !== amount + 1) throw new Error(`${tracker.stats.inFlight} requests are in flight, not ${amount + 1}`)
    return {
      heap: (after.heapUsed - before.heapUsed) / amount,
      // Array buffers are a part of what is external.
      external: (after.external - before.external) / amount,
      resident: (after.rss - before.rss) / amount,
    }
  },
})
