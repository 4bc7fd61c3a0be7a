/**
 * The application's own lines with the ids of the current request, and lifecycle lines through other loggers.
 *
 *   npx tsx examples/loggers.ts
 */
import { pino } from 'pino'
import { createTracker, lineFields, traceMixin, type Sink } from 'throughline'
import winston from 'winston'

const log = pino({ base: null, mixin: traceMixin })

const toConsole: Sink = { write: (record) => console.log(JSON.stringify(lineFields(record))) }

// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports as class and instance in one
const logger = winston.createLogger({ format: winston.format.json(), transports: [new winston.transports.Console()] })
const toWinston: Sink = {
  write: (record) => {
    const { level, msg, ...fields } = lineFields(record)
    logger.log({ ...fields, level, message: msg })
  },
}

const trackers = [
  createTracker({ service: 'by-pino', logger: log }),
  createTracker({ service: 'by-winston', logger: false, sinks: [toWinston] }),
  createTracker({ service: 'by-console', logger: false, sinks: [toConsole] }),
]

for (const tracker of trackers) {
  const open = tracker.trackRequest((cave: string) => {
    log.info({ cave }, 'the door opens')
    return `${cave}: opened`
  })
  console.log(open(tracker.service))
}
