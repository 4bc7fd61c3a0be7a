/**
 * One node:http server: a request that is answered, one that is rejected, and what is still in flight.
 *
 *   npx tsx examples/http.ts
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTracker, currentRequest } from 'throughline'

const tracker = createTracker({ service: 'gateway' })

const authenticate = (req: IncomingMessage): string => {
  if (req.headers.authorization !== 'Bearer sesame') throw new Error('no such token')
  return 'ali'
}

const server = createServer(
  tracker.trackRequest(
    (_req, res) => {
      const request = currentRequest()
      res.end(`hello ${String(request?.principal)}, this is ${String(request?.traceId)}\n`)
    },
    { authenticate },
  ),
)

await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
// A server that listens on a TCP port returns an AddressInfo.
const { port } = server.address() as AddressInfo

for (const authorization of ['Bearer sesame', 'Bearer tahini']) {
  const answer = await fetch(`http://127.0.0.1:${String(port)}/cave?secret=1`, {
    headers: { authorization, 'x-trace-id': 'abc-123' },
  })
  console.log(`${String(answer.status)} under ${String(answer.headers.get('x-trace-id'))}: ${await answer.text()}`)
}

console.log(`in flight: ${String(tracker.inFlight().length)}, stuck: ${String(tracker.stuck('30s').length)}`)
tracker.close()
server.close()
