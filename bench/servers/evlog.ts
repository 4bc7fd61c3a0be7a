import type { IncomingMessage } from 'node:http'
import { initLogger } from 'evlog'
import { defineFrameworkIntegration } from 'evlog/toolkit'
import { createLoggerStorage } from 'evlog/toolkit/storage'
import { handler } from './_handler.ts'
import { serve } from './_serve.ts'

// Its own defaults in production: one line of JSON per request through the console, which is a file here.
initLogger({ env: { service: 'shop' } })
const { storage } = createLoggerStorage('request', 'bench')

// evlog has no integration of node:http itself. This is the one that its toolkit is for: what it does for Express, in the same order.
const integration = defineFrameworkIntegration<IncomingMessage>({
  name: 'node-http',
  extractRequest: (req) => ({ method: req.method ?? 'GET', path: new URL(req.url ?? '/', 'http://localhost').pathname, headers: req.headers }),
  attachLogger: () => undefined,
  storage,
})

serve((req, res) => {
  const { logger, finish, runWith } = integration.start(req)
  let settled = false
  const end = (closed: boolean): void => {
    if (settled) return
    settled = true
    if (closed) logger.set({ connectionClosed: true })
    void finish({ status: res.statusCode })
  }
  res.once('finish', () => end(false))
  res.once('close', () => end(true))
  void runWith(() => handler(req, res))
})
