/**
 * Two services and a third-party host, which does not get the trace headers.
 *
 *   npx tsx examples/fetch.ts
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/fetch'

// The second service continues the trace of its caller.
const catalog = await listen(createServer(trackRequest((_req, res) => res.end('one kettle'), { service: 'catalog' })))

// The third party returns the trace header that it received.
const thirdParty = await listen(
  createServer((req, res) => res.end(`traceparent: ${String(req.headers.traceparent ?? 'none')}`)),
)

// Both listen on this machine, so the host in `to` has a port. Without `to`, all loopback, private and link-local
// hosts get the headers.
const fetch = propagate(globalThis.fetch, { to: [new URL(catalog.url).host] })

const gateway = await listen(
  createServer(
    trackRequest(
      async (_req, res) => {
        const item = await fetch(catalog.url).then((answer) => answer.text())
        const echoed = await fetch(thirdParty.url).then((answer) => answer.text())
        res.end(`the catalog has ${item}; the third party received "${echoed}"`)
      },
      { service: 'gateway' },
    ),
  ),
)

const answer = await globalThis.fetch(gateway.url)
console.log(`\n${await answer.text()}`)
console.log(
  `X-Trace-ID ${answer.headers.get('x-trace-id') ?? ''}: the catalog's lines above have it too, with the gateway's request as parent_id.`,
)

for (const { server } of [catalog, thirdParty, gateway]) server.close().closeIdleConnections()

async function listen(server: Server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port returns an AddressInfo.
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${String(port)}/` }
}
