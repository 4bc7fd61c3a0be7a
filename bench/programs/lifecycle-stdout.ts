import { readFileSync, truncateSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { createTracker } from 'throughline'
import { getNumber } from '../numeric-record.ts'
import { measureCpuTime, type Task } from './_cpu-time.ts'
import { handleCommands } from './_handle-commands.ts'
import { pinoBaseline } from './_pino-baseline.ts'

const STDOUT = 1
/** The file that standard output is redirected to. */
const file = process.argv[2] ?? ''
const baselineRequest = pinoBaseline(pino({ base: null }, pino.destination({ dest: STDOUT, sync: true })))

function trackedRequest(durability: 'entry' | 'turn' | 'line'): () => void {
  const tracker = createTracker({ service: 'shop', durability })
  return () => {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.processing()
    request.responded({ status: 200 })
  }
}

/** A request with data on one of its lines, which pino writes. */
function requestWithData(redact: readonly string[] | undefined): () => void {
  const tracker = createTracker({ service: 'shop', ...(redact === undefined ? {} : { redact }) })
  return () => {
    const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
    request.authenticated()
    request.send('PROCESS', { card: '4111 1111 1111 1111', total: 42 })
    request.responded({ status: 200 })
  }
}

/**
 * Runs requests in turns of the event loop, because a destination that buffers lines flushes them between two turns.
 */
const inTurns =
  (runRequest: () => void, perTurn: number): Task =>
  async (amount) => {
    truncateSync(file)
    for (let done = 0; done < amount; done += perTurn) {
      for (let index = 0; index < perTurn; index += 1) runRequest()
      await setImmediate()
    }
    await setImmediate()
  }

/** A multiple of 16, the largest number of requests per turn. */
const CHECKED_REQUESTS = 160

handleCommands({
  run: async (params) => {
    const perTurn = getNumber(params, 'perTurn')
    const tasks = {
      pino: inTurns(baselineRequest, perTurn),
      line: inTurns(trackedRequest('line'), perTurn),
      entry: inTurns(trackedRequest('entry'), perTurn),
      turn: inTurns(trackedRequest('turn'), perTurn),
      data: inTurns(requestWithData(undefined), perTurn),
      redact: inTurns(requestWithData(['data.card', 'error.message']), perTurn),
    }
    for (const [name, task] of Object.entries(tasks)) {
      await task(CHECKED_REQUESTS)
      const lines = readFileSync(file, 'latin1').split('\n').length - 1
      if (lines !== CHECKED_REQUESTS * 4)
        throw new Error(`${name} wrote ${lines} lines for ${CHECKED_REQUESTS} requests`)
    }
    return measureCpuTime(tasks, { rounds: getNumber(params, 'rounds'), amount: getNumber(params, 'amount') })
  },
})
