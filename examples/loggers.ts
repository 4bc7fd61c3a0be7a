// The application's own lines, stamped with the ids of the request in hand, and the lines of requests in other loggers.
import { pino } from 'pino'
import { createTracker, lineFields, traceMixin, type Sink } from 'throughline'
import winston from 'winston'

const log = pino({ base: null, mixin: traceMixin })

const toConsole: Sink = { write: (record) => console.log(JSON.stringify(lineFields(record))) }

// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's types tell its transports as classes and instances in one
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
