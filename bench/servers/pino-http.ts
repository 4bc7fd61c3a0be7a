import { pino } from 'pino'
import { pinoHttp } from 'pino-http'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

const log = pinoHttp({}, pino.destination({ dest: LOG_FILE, sync: true }))

serve((req, res) => {
  log(req, res)
  handler(req, res)
})
