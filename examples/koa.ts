/**
 * Koa 3 with a router: the first line has the route's pattern, and a thrown 404 has outcome `ok`.
 *
 *   npx tsx examples/koa.ts
 */
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { currentTraceId } from 'throughline'
import { trackRequest } from 'throughline/koa'

const router = new Router()
router.get('/orders/:id', (ctx) => {
  if (ctx.params.id === '0') ctx.throw(404, 'there is no order 0')
  ctx.body = `order ${String(ctx.params.id)} under ${currentTraceId()}\n`
})

const app = new Koa()
app.use(trackRequest({ service: 'shop' }))
app.use(router.routes())

const server = app.listen(0, '127.0.0.1')
await new Promise((listening) => server.once('listening', listening))
// A server that listens on a TCP port returns an AddressInfo.
const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`

for (const id of ['7', '0']) {
  const answer = await fetch(`${url}/orders/${id}`, { headers: { 'x-trace-id': 'abc-123' } })
  console.log(answer.status, await answer.text())
}
server.close()
