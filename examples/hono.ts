// Hono 4, as plain fetch and on a server of Node's: a request has ended when the body of its answer has.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { currentTraceId } from 'throughline'
import { trackRequest } from 'throughline/hono'

const app = new Hono()
app.use(trackRequest({ service: 'shop' }))
app.get('/orders/:id', (c) => c.text(`order ${c.req.param('id')} under ${currentTraceId()}\n`))
app.get('/orders/:id/news', (c) =>
  streamSSE(c, async (stream) => {
    for (const data of ['packed', 'on its way']) await stream.writeSSE({ data })
  }),
)

console.log(await (await app.request('/orders/7', { headers: { 'x-trace-id': 'abc-123' } })).text())

const url = await new Promise<string>((listening) => {
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => listening(`http://127.0.0.1:${String(port)}`))
  // The example ends when nothing is left to do, and a server that waits for requests is no reason to stay.
  server.unref()
})
const news = await fetch(`${url}/orders/8/news`)
console.log(news.headers.get('x-trace-id'), await news.text())
