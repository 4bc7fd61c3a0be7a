import { pino } from 'pino'
import { pinoHttp } from 'pino-http'
import { handler } from './_handler.ts'
import { startTracing } from './_open-telemetry.ts'
import { LOG_FILE, serve } from './_serve.ts'

const flush = startTracing(LOG_FILE)
const log = pinoHttp({}, pino.destination({ dest: LOG_FILE, sync: true }))

serve((req, res) => {
  log(req, res)
  handler(req, res)
}, flush)
