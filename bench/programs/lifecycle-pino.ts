import { readFileSync, truncateSync } from 'node:fs'
import { pino } from 'pino'
import { createTracker } from 'throughline'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { pinoAlone, sameLines } from './_pino-alone.ts'
import { timed } from './_timed.ts'

// One pino of the user's, with its synchronous destination: throughline writes through it, and pino alone beside it.
const file = process.argv[2] ?? ''
const logger = pino(pino.destination({ dest: file, sync: true }))
const tracker = createTracker({ service: 'shop', logger })
const alone = pinoAlone(logger)

function tracked(): void {
  const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
  request.authenticated()
  request.processing()
  request.responded({ status: 200 })
}

function written(work: () => void): string {
  truncateSync(file)
  for (let done = 0; done < 1_000; done += 1) work()
  const log = readFileSync(file, 'latin1')
  truncateSync(file)
  return log
}

const repeated = (work: () => void) => (amount: number) => {
  truncateSync(file)
  for (let done = 0; done < amount; done += 1) work()
}

answer({
  run: async (figures) => {
    // The first ones take longer, and their durations have more digits.
    written(tracked)
    const { ours, theirs } = sameLines(written(tracked), written(alone))
    const timing = { rounds: figure(figures, 'rounds'), amount: figure(figures, 'amount') }
    const times = await timed({ throughline: repeated(tracked), alone: repeated(alone) }, timing)
    return { ...times, 'throughline bytes': ours * 4, 'alone bytes': theirs * 4 }
  },
})
