import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachRequest } from '../tracking/current-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { accepts } from '../tracking/signals.ts'
import { authenticateThen } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { acceptWith } from './request-options.ts'
import { runHandler } from './run-handler.ts'

/** A handler of a server's `upgrade` event: it takes the connection over, as for a WebSocket, or refuses the client. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown

/**
 * Tracks the request for another protocol, but not what is exchanged in that protocol: the request is answered, with
 * 101, once the handler has finished and left the connection open. A handler whose handshake takes longer returns a
 * promise.
 *
 * An upgrade has no response object, so the status is unknown where the handler closes the connection.
 */
export function handleUpgrade(
  core: RequestCore,
  handler: UpgradeHandler,
  options: HandlerOptions<IncomingMessage>,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const request = acceptWith(core, options, req.headers, { method: req.method, path: req.url, source: req })
  attachRequest(req, request)
  const onDone = (): void => {
    if (!socket.destroyed && !socket.writableEnded) request.finish({ outcome: 'ok', status: 101 })
    else request.finish({ outcome: accepts(request, 'AUTH_ERROR') ? 'denied' : 'ok' })
  }
  const onError = (error: unknown): void => {
    request.finish({ outcome: 'error', status: 500, error })
    refuseUpgrade(socket, '500 Internal Server Error')
  }
  const serve = (): void => runHandler(() => handler(req, socket, head), { onDone, onError })
  // After the request's end these events belong to the other protocol. `end` alone comes where the client has left and
  // Node keeps its half of the connection open.
  for (const event of ['end', 'close']) socket.once(event, () => request.finish({ outcome: 'aborted' }))
  authenticateThen(request, req, options, { serve, reject: () => refuseUpgrade(socket, '401 Unauthorized'), onError })
}

function refuseUpgrade(socket: Duplex, status: string): void {
  if (!socket.destroyed && !socket.writableEnded)
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
