import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { admit, type AuthOptions } from './authenticate.ts'
import { hangOn } from '../tracking/current-request.ts'
import { endWithResponse, type End } from '../tracking/finish-request.ts'
import { serveBy } from '../tracking/promises.ts'
import type { Tracker } from './tracker.ts'

/** A handler of a server's `upgrade` event: it takes the connection over, as for a WebSocket, or turns the client away. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown

/**
 * Tracks the request for another protocol, but not what is said in that: it is answered, with 101, once the handler
 * is through and has left the connection open. A handler whose handshake takes longer gives a promise.
 *
 * Node's response is not there to tell a status by: where the handler closes the connection, none is known.
 */
export function handleUpgrade(
  tracker: Tracker,
  handler: UpgradeHandler,
  options: AuthOptions<IncomingMessage>,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const request = tracker.receive(req.headers, { method: req.method, path: req.url, source: req })
  hangOn(req, request)
  const end = (how: End): void => endWithResponse(request, tracker.core.settings.table, how)
  const through = (): void => {
    if (!socket.destroyed && !socket.writableEnded) end({ outcome: 'ok', status: 101 })
    else end({ outcome: request.accepts('AUTH_ERROR') ? 'denied' : 'ok' })
  }
  const fail = (error: unknown): void => {
    end({ outcome: 'error', status: 500, error })
    turnAway(socket, '500 Internal Server Error')
  }
  const serve = (): void => serveBy(() => handler(req, socket, head), { through, fail })
  // Once the request has ended these are the other protocol's business. Node keeps its half open when the client has left.
  for (const gone of ['end', 'close']) socket.once(gone, () => end({ outcome: 'aborted' }))
  admit(request, req, options, { serve, refuse: () => turnAway(socket, '401 Unauthorized'), fail })
}

function turnAway(socket: Duplex, status: string): void {
  if (!socket.destroyed && !socket.writableEnded) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
