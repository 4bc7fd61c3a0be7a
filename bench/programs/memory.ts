import { setImmediate } from 'node:timers/promises'
import { createTracker } from 'throughline'
import { getNumber } from '../numeric-record.ts'
import { handleCommands } from './_handle-commands.ts'

const tracker = createTracker({ service: 'shop', logger: false })

/** Starts requests and keeps no reference to them: only the tracker does. */
function startRequests(amount: number, processing: boolean): void {
  for (let index = 0; index < amount; index += 1) {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    if (!processing) continue
    request.authenticated()
    request.processing()
  }
}

async function memoryAfterGc(): Promise<NodeJS.MemoryUsage> {
  for (let run = 0; run < 3; run += 1) {
    if (globalThis.gc === undefined) throw new Error('this needs --expose-gc')
    globalThis.gc()
    await setImmediate()
  }
  return process.memoryUsage()
}

handleCommands({
  run: async (params) => {
    const amount = getNumber(params, 'amount')
    const processing = getNumber(params, 'processing') === 1
    // The first request allocates what is allocated only once.
    startRequests(1, processing)
    const before = await memoryAfterGc()
    startRequests(amount, processing)
    const after = await memoryAfterGc()
    if (tracker.stats.inFlight !== amount + 1)
      throw new Error(`${tracker.stats.inFlight} requests are in flight, not ${amount + 1}`)
    return {
      heap: (after.heapUsed - before.heapUsed) / amount,
      // `external` includes array buffers.
      external: (after.external - before.external) / amount,
      resident: (after.rss - before.rss) / amount,
    }
  },
})
