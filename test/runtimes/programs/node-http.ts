/** A server of node:http. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { WebSocketServer } from 'ws'
import { createTracker, type UpgradeHandler } from '../../../src/index.ts'
import { currentTraceId } from '../../../src/tracking/current-request.ts'
import { write } from '../../adapters/http-servers.ts'
import { announce } from './_host.ts'
import { authenticate, ROUTES } from './_routes.ts'

const tracker = createTracker({ service: 'api' })
const server = createServer(
  tracker.trackRequest(
    async (req, res) => {
      const url = new URL(req.url ?? '', 'http://localhost')
      const route = ROUTES[url.pathname]
      if (url.pathname === '/stats') res.end(JSON.stringify(tracker.stats))
      else if (route === undefined) await write(res, { status: 404, body: 'not here' })
      else await write(res, await route({ url, text: () => text(req) }))
    },
    {
      authenticate: ({ headers }) => authenticate(headers.authorization),
      ignore: ({ url }) => url === '/stats',
    },
  ),
)

const wss = new WebSocketServer({ noServer: true })
const upgrade: UpgradeHandler = (req, socket, head) => {
  if (req.url === '/live') wss.handleUpgrade(req, socket, head, (client) => client.send(currentTraceId()))
  else socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n')
}
server.on('upgrade', tracker.trackRequest(upgrade))

// A server that listens on TCP has an address of this type.
server.listen(0, '127.0.0.1', () => announce((server.address() as AddressInfo).port))
