import { readFileSync, truncateSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { createTracker } from 'throughline'
import { figure } from '../figures.ts'
import { answer } from './_answer.ts'
import { pinoAlone } from './_pino-alone.ts'
import { timed, type Work } from './_timed.ts'

const STDOUT = 1
/** Where standard output goes: this process can look at it, and empty it. */
const file = process.argv[2] ?? ''
const alone = pinoAlone(pino({ base: null }, pino.destination({ dest: STDOUT, sync: true })))

function tracked(durability: 'entry' | 'turn' | 'line'): () => void {
  const options = { service: 'shop', durability }
  const tracker = createTracker(options)
  return () => {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
  }
}

/** Requests in turns of the event loop: a destination that gathers lines hands them over between two turns. */
const inTurns = (work: () => void, perTurn: number): Work => async (amount) => {
  truncateSync(file)
  for (let done = 0; done < amount; done += perTurn) {
    for (let index = 0; index < perTurn; index += 1) work()
    await setImmediate()
  }
  await setImmediate()
}

/** So many that turns of 16 come out even. */
const CHECKED = 160

answer({
  run: async (figures) => {
    const perTurn = figure(figures, 'perTurn')
    const works = {
      alone: inTurns(alone, perTurn),
      line: inTurns(tracked('line'), perTurn),
      entry: inTurns(tracked('entry'), perTurn),
      turn: inTurns(tracked('turn'), perTurn),
    }
    for (const [name, work] of Object.entries(works)) {
      await work(CHECKED)
      const lines = readFileSync(file, 'latin1').split('\n').length - 1
      if (lines !== CHECKED * 4) throw new Error(`${name} wrote ${lines} lines of ${CHECKED} requests`)
    }
    return timed(works, { rounds: figure(figures, 'rounds'), amount: figure(figures, 'amount') })
  },
})
