import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'
import { pino, type Logger } from 'pino'
import { handler } from './_handler.ts'
import { LOG_FILE, serve } from './_serve.ts'

// What one would write without these packages: an id, a context, a header and a line per state.
const logger = pino(pino.destination({ dest: LOG_FILE, sync: true }))
const currentLogger = new AsyncLocalStorage<Logger>()

serve((req, res) => {
  const incoming = req.headers['x-trace-id']
  const traceId = typeof incoming === 'string' ? incoming : randomUUID()
  const log = logger.child({ service: 'shop', trace_id: traceId, request_id: randomBytes(8).toString('hex') })
  const started = performance.now()
  log.info({ state: 'Received', seq: 0, method: req.method, path: req.url }, 'Received')
  res.setHeader('x-trace-id', traceId)
  res.once('finish', () => {
    const duration = performance.now() - started
    log.info(
      { from: 'Processing', state: 'Responded', seq: 3, outcome: 'ok', status: res.statusCode, duration_ms: duration },
      'Responded',
    )
  })
  log.info({ from: 'Received', state: 'Authenticated', seq: 1 }, 'Authenticated')
  log.info({ from: 'Authenticated', state: 'Processing', seq: 2 }, 'Processing')
  currentLogger.run(log, handler, req, res)
})
