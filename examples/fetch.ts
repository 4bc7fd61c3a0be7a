/**
 * Two services and a stranger: who is told of the trace, and who is not.
 *
 *   npx tsx examples/fetch.ts
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/fetch'

// The second service takes part in the trace that it is called with.
const catalog = await listen(createServer(trackRequest((_req, res) => res.end('one kettle'), { service: 'catalog' })))

// The stranger only says what it was told.
const stranger = await listen(createServer((req, res) => res.end(`traceparent: ${String(req.headers.traceparent ?? 'none')}`)))

// Both listen on this machine: so the one that is to be told is named with its port. Without `to`, all hosts
// that cannot be a third party's are told.
const fetch = propagate(globalThis.fetch, { to: [new URL(catalog.url).host] })

const gateway = await listen(
  createServer(
    trackRequest(
      async (_req, res) => {
        const item = await fetch(catalog.url).then((answer) => answer.text())
        const told = await fetch(stranger.url).then((answer) => answer.text())
        res.end(`the catalog has ${item}; the stranger saw "${told}"`)
      },
      { service: 'gateway' },
    ),
  ),
)

const answer = await globalThis.fetch(gateway.url)
console.log(`\n${await answer.text()}`)
console.log(`X-Trace-ID ${answer.headers.get('x-trace-id') ?? ''}: the catalog's lines above have it too, with the gateway's request as parent_id.`)

for (const { server } of [catalog, stranger, gateway]) server.close().closeIdleConnections()

async function listen(server: Server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port has an address of this form.
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${String(port)}/` }
}
