import { pino } from 'pino'
import { trackRequest } from 'throughline'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

const logger = pino(pino.destination({ dest: LOG_FILE, sync: true }))

serve(trackRequest(handler, { service: 'shop', logger }))
