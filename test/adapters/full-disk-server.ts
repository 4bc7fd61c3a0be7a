/** The program of full-disk.test.ts: a server whose log cannot be written. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { destination, pino } from 'pino'
import { createTracker } from '../../src/handlers/track-request.ts'

const target = process.argv[2]
const logger =
  target === 'sync' || target === 'async'
    ? pino(destination({ dest: '/dev/full', sync: target === 'sync' }))
    : undefined
const tracker = createTracker({ service: 'api', ...(logger === undefined ? {} : { logger }) })
const server = createServer(tracker.trackRequest((_req, res) => res.end('served')))

server.listen(0, '127.0.0.1', () => {
  // A server that listens on TCP has an address of this type.
  process.send?.((server.address() as AddressInfo).port)
})
process.on('message', () => process.send?.(tracker.stats))
process.on('disconnect', () => {
  tracker.close()
  server.close()
  server.closeAllConnections()
})
