/**
 * Node's HTTP client as a module and an agent, also under got and axios: third-party hosts do not get the trace
 * headers.
 *
 *   npx tsx examples/http-client.ts
 */
import axios from 'axios'
import got from 'got'
import { once } from 'node:events'
import http, { type ClientRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { trackRequest } from 'throughline'
import { propagate } from 'throughline/http'

// The third party returns the trace header that it received.
const thirdParty = await listen(
  http.createServer((req, res) => res.end(`traceparent: ${String(req.headers.traceparent ?? 'none')}`)),
)

// The second service continues the trace of its caller; /moved redirects to the third party.
const catalog = await listen(
  http.createServer(
    trackRequest(
      (req, res) =>
        req.url === '/moved' ? res.writeHead(302, { location: thirdParty.url }).end() : res.end('one kettle'),
      { service: 'catalog' },
    ),
  ),
)

// All listen on this machine, so the host in `to` has a port. Without `to`, all loopback, private and link-local
// hosts get the headers.
const to = [new URL(catalog.url).host]
const client = propagate(http, { to })
const agent = propagate(new http.Agent({ keepAlive: true }), { to })
const shop = axios.create({ baseURL: catalog.url, httpAgent: agent, proxy: false })
const reader = got.extend({ agent: { http: agent } })

const gateway = await listen(
  http.createServer(
    trackRequest(
      async (_req, res) => {
        const answer = await response(client.get(catalog.url))
        const answers = [
          `node:http got ${await text(answer)}`,
          `axios got ${(await shop.get<string>('/')).data}`,
          `got was redirected, and the third party received "${await reader(`${catalog.url}moved`).text()}"`,
        ]
        res.end(answers.join('\n'))
      },
      { service: 'gateway' },
    ),
  ),
)

const answer = await response(http.get(gateway.url))
console.log(`\n${await text(answer)}`)
console.log(
  `\nX-Trace-ID ${String(answer.headers['x-trace-id'])}: the catalog's lines above have it too, with the gateway's request as parent_id.`,
)

agent.destroy()
for (const { server } of [catalog, thirdParty, gateway]) server.close().closeAllConnections()

function response(request: ClientRequest) {
  return new Promise<IncomingMessage>((resolve, reject) => request.once('response', resolve).once('error', reject))
}

async function listen(server: Server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // A server that listens on a TCP port returns an AddressInfo.
  const { port } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${String(port)}/` }
}
