import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { authenticateThen, type AuthOptions } from './authenticate.ts'
import { attachRequest } from '../tracking/current-request.ts'
import { endWithResponse, type RequestEnd } from '../tracking/finish-request.ts'
import { runHandler } from '../tracking/promises.ts'
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
  const request = tracker.acceptRequest(req.headers, { method: req.method, path: req.url, source: req })
  attachRequest(req, request)
  const end = (how: RequestEnd): void => endWithResponse(request, tracker.core.settings.table, how)
  const onDone = (): void => {
    if (!socket.destroyed && !socket.writableEnded) end({ outcome: 'ok', status: 101 })
    else end({ outcome: request.accepts('AUTH_ERROR') ? 'denied' : 'ok' })
  }
  const onError = (error: unknown): void => {
    end({ outcome: 'error', status: 500, error })
    refuseUpgrade(socket, '500 Internal Server Error')
  }
  const serve = (): void => runHandler(() => handler(req, socket, head), { onDone, onError })
  // Once the request has ended these are the other protocol's business. Node keeps its half open when the client has left.
  for (const gone of ['end', 'close']) socket.once(gone, () => end({ outcome: 'aborted' }))
  authenticateThen(request, req, options, { serve, reject: () => refuseUpgrade(socket, '401 Unauthorized'), onError })
}

function refuseUpgrade(socket: Duplex, status: string): void {
  if (!socket.destroyed && !socket.writableEnded)
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
