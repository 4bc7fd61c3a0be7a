import type { IncomingMessage } from 'node:http'
import { initLogger } from 'evlog'
import { defineFrameworkIntegration } from 'evlog/toolkit'
import { createLoggerStorage } from 'evlog/toolkit/storage'
import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

// Its production defaults: one line of JSON per request through the console, which is redirected to a file.
initLogger({ env: { service: 'shop' } })
const { storage } = createLoggerStorage('request', 'bench')

// evlog has no node:http integration. This one uses its toolkit, and does the same as its Express integration in the
// same order.
const integration = defineFrameworkIntegration<IncomingMessage>({
  name: 'node-http',
  extractRequest: (req) => ({
    method: req.method ?? 'GET',
    path: new URL(req.url ?? '/', 'http://localhost').pathname,
    headers: req.headers,
  }),
  attachLogger: () => undefined,
  storage,
})

serve((req, res) => {
  const { logger, finish, runWith } = integration.start(req)
  let finished = false
  const end = (closed: boolean): void => {
    if (finished) return
    finished = true
    if (closed) logger.set({ connectionClosed: true })
    void finish({ status: res.statusCode })
  }
  res.once('finish', () => end(false))
  res.once('close', () => end(true))
  void runWith(() => handler(req, res))
})
