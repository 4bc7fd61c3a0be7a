/**
 * Express 5: an order that is placed, one that does not exist, and a handler that throws.
 *
 *   npx tsx examples/express.ts
 */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { currentRequest } from 'throughline'
import { trackRequest } from 'throughline/express'

const app = express().set('env', 'test')
app.use(trackRequest({ service: 'shop' }))
app.use(express.json())

app.post('/orders', (req, res) => {
  const { sku } = req.body as { readonly sku: string }
  // The current request is still this one, after the body parser has run.
  res.status(201).json({ sku, trace: currentRequest()?.traceId })
})
app.get('/orders/:id', (req, res) => {
  if (req.params.id === '0') throw new RangeError('there is no order 0')
  res.status(404).send('no such order\n')
})

const server = app.listen(0, '127.0.0.1')
await new Promise((listening) => server.once('listening', listening))
// A server that listens on a TCP port returns an AddressInfo.
const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`

const placed = await fetch(`${url}/orders`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-trace-id': 'abc-123' },
  body: '{"sku":"mug"}',
})
console.log(placed.status, await placed.text())
for (const id of ['7', '0']) console.log(id, (await fetch(`${url}/orders/${id}`)).status)
server.close()
