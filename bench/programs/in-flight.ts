import { createTracker, type Tracker } from 'throughline'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { timed } from './_timed.ts'

const MINUTE = 60_000
const OVERDUE = 10
const AUDITS_MS = 300

let tracker: Tracker | undefined
/** A clock that stands still, so that it is known who is overdue. */
let time = 0

/** Requests that stay where they are, as many in each state that is not final. */
function idle(from: Tracker, amount: number): void {
  for (let index = 0; index < amount; index += 1) {
    const request = from.start(undefined, { method: 'GET', path: '/products/kettle' })
    if (index % 3 > 0) request.authenticated()
    if (index % 3 > 1) request.processing()
  }
}

function lifecycles(of: Tracker, amount: number): void {
  for (let done = 0; done < amount; done += 1) {
    const request = of.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
  }
}

/** Microseconds of processor time per audit: as many as fit into a while, and three at least. */
function audits(of: Tracker, limit: string, overdue: number): number {
  const began = { cpu: process.cpuUsage(), time: performance.now() }
  let done = 0
  while (done < 3 || performance.now() - began.time < AUDITS_MS) {
    const found = of.stuck(limit).length
    if (found !== overdue) throw new Error(`${found} requests are overdue, not ${overdue}`)
    done += 1
  }
  const { user, system } = process.cpuUsage(began.cpu)
  return (user + system) / done
}

function filled(): Tracker {
  if (tracker === undefined) throw new Error('fill comes first')
  return tracker
}

answer({
  // With the system's clock, as in production.
  fill: (figures) => {
    tracker = createTracker({ service: 'shop', logger: false })
    idle(tracker, figure(figures, 'idle'))
    return {}
  },
  transitions: (figures) => timed({ lifecycle: (amount) => lifecycles(filled(), amount) }, { rounds: 1, amount: figure(figures, 'amount') }),
  stuck: (figures) => {
    const cranked = createTracker({ service: 'shop', logger: false, now: () => time })
    idle(cranked, OVERDUE)
    time += 60 * MINUTE
    idle(cranked, Math.max(0, figure(figures, 'idle') - OVERDUE))
    audits(cranked, '2h', 0)
    return { none: audits(cranked, '2h', 0), some: audits(cranked, '30m', OVERDUE) }
  },
})
