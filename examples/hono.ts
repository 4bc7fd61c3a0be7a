/**
 * Hono 4, as plain fetch and on a Node server: a request ends when the body of its response ends.
 *
 *   npx tsx examples/hono.ts
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { currentTraceId } from 'throughline'
import { trackRequest } from 'throughline/hono'

const app = new Hono()
app.use(trackRequest({ service: 'shop' }))
app.get('/orders/:id', (c) => c.text(`order ${c.req.param('id')} under ${currentTraceId()}\n`))
app.get('/orders/:id/events', (c) =>
  streamSSE(c, async (stream) => {
    for (const data of ['packed', 'on its way']) await stream.writeSSE({ data })
  }),
)

console.log(await (await app.request('/orders/7', { headers: { 'x-trace-id': 'abc-123' } })).text())

const url = await new Promise<string>((listening) => {
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
    listening(`http://127.0.0.1:${String(port)}`),
  )
  // The listening server must not keep the process alive.
  server.unref()
})
const events = await fetch(`${url}/orders/8/events`)
console.log(events.headers.get('x-trace-id'), await events.text())
