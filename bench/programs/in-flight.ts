import { createTracker, type Tracker } from 'throughline'
import { getNumber } from '../numeric-record.ts'
import { measureCpuTime } from './_cpu-time.ts'
import { handleCommands } from './_handle-commands.ts'

const MINUTE_MS = 60_000
const STUCK = 10
const MEASURE_MS = 300

let tracker: Tracker | undefined
/** A manual clock, so that the number of stuck requests is known. */
let time = 0

/** Starts requests that stay idle, as many in each non-final state. */
function startIdle(on: Tracker, amount: number): void {
  for (let index = 0; index < amount; index += 1) {
    const request = on.start(undefined, { method: 'GET', path: '/products/kettle' })
    if (index % 3 > 0) request.authenticated()
    if (index % 3 > 1) request.processing()
  }
}

function runLifecycles(on: Tracker, amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const request = on.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
  }
}

/** Microseconds of processor time per call of `stuck()`: the mean of all calls within a fixed time, at least three. */
function measureStuck(on: Tracker, threshold: string, expected: number): number {
  const started = { cpu: process.cpuUsage(), time: performance.now() }
  let calls = 0
  while (calls < 3 || performance.now() - started.time < MEASURE_MS) {
    const found = on.stuck(threshold).length
    if (found !== expected) throw new Error(`${found} requests are stuck, not ${expected}`)
    calls += 1
  }
  const { user, system } = process.cpuUsage(started.cpu)
  return (user + system) / calls
}

function filledTracker(): Tracker {
  if (tracker === undefined) throw new Error('the command `fill` has to come first')
  return tracker
}

handleCommands({
  // With the system's clock, as in production.
  fill: (params) => {
    tracker = createTracker({ service: 'shop', logger: false })
    startIdle(tracker, getNumber(params, 'idle'))
    return {}
  },
  transitions: (params) =>
    measureCpuTime(
      { lifecycle: (amount) => runLifecycles(filledTracker(), amount) },
      { rounds: 1, amount: getNumber(params, 'requests') },
    ),
  stuck: (params) => {
    const manual = createTracker({ service: 'shop', logger: false, now: () => time })
    startIdle(manual, STUCK)
    time += 60 * MINUTE_MS
    startIdle(manual, Math.max(0, getNumber(params, 'idle') - STUCK))
    // Warm-up.
    measureStuck(manual, '2h', 0)
    return { none: measureStuck(manual, '2h', 0), ten: measureStuck(manual, '30m', STUCK) }
  },
})
