import { readFileSync, truncateSync } from 'node:fs'
import { pino } from 'pino'
import { createTracker } from 'throughline'
import { getNumber } from '../numeric-record.ts'
import { measureCpuTime } from './_cpu-time.ts'
import { handleCommands } from './_handle-commands.ts'
import { compareLogs, pinoBaseline } from './_pino-baseline.ts'

// throughline and the baseline write through the same pino, with its synchronous destination.
const file = process.argv[2] ?? ''
const logger = pino(pino.destination({ dest: file, sync: true }))
const tracker = createTracker({ service: 'shop', logger })
const baselineRequest = pinoBaseline(logger)

function trackedRequest(): void {
  const request = tracker.start(undefined, { method: 'GET', path: '/products/kettle' })
  request.authenticated()
  request.processing()
  request.responded({ status: 200 })
}

function logOf(runRequest: () => void): string {
  truncateSync(file)
  for (let done = 0; done < 1_000; done += 1) runRequest()
  const log = readFileSync(file, 'latin1')
  truncateSync(file)
  return log
}

const repeat = (runRequest: () => void) => (amount: number) => {
  truncateSync(file)
  for (let done = 0; done < amount; done += 1) runRequest()
}

handleCommands({
  run: async (params) => {
    // Warm-up: the first requests are slower, so their durations have more digits.
    logOf(trackedRequest)
    const bytesPerLine = compareLogs(logOf(trackedRequest), logOf(baselineRequest))
    const rounds = { rounds: getNumber(params, 'rounds'), amount: getNumber(params, 'amount') }
    const times = await measureCpuTime({ throughline: repeat(trackedRequest), pino: repeat(baselineRequest) }, rounds)
    return { ...times, 'throughline bytes': bytesPerLine.throughline * 4, 'pino bytes': bytesPerLine.baseline * 4 }
  },
})
