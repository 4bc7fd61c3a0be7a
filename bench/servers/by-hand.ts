import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'
import { pino, type Logger } from 'pino'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

// What one writes without any of these packages: an id, a context, a header, a line per step.
const logger = pino(pino.destination({ dest: LOG_FILE, sync: true }))
const inHand = new AsyncLocalStorage<Logger>()

serve((req, res) => {
  const given = req.headers['x-trace-id']
  const traceId = typeof given === 'string' ? given : randomUUID()
  const log = logger.child({ service: 'shop', trace_id: traceId, request_id: randomBytes(8).toString('hex') })
  const began = performance.now()
  log.info({ state: 'Received', seq: 0, method: req.method, path: req.url }, 'Received')
  res.setHeader('x-trace-id', traceId)
  res.once('finish', () => {
    const duration = performance.now() - began
    log.info({ from: 'Processing', state: 'Responded', seq: 3, outcome: 'ok', status: res.statusCode, duration_ms: duration }, 'Responded')
  })
  log.info({ from: 'Received', state: 'Authenticated', seq: 1 }, 'Authenticated')
  log.info({ from: 'Authenticated', state: 'Processing', seq: 2 }, 'Processing')
  inHand.run(log, handler, req, res)
})
