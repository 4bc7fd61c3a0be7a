import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachRequest } from '../tracking/current-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { authenticateThen } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { endOfHandshake, watchHandshake } from './handshake.ts'
import { acceptWith } from './request-options.ts'
import { runHandler } from './run-handler.ts'

/** A handler of a server's `upgrade` event: it takes the connection over, as for a WebSocket, or refuses the client. */
export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown

/**
 * Tracks the request for another protocol, but not what is exchanged in that protocol: the request ends with the
 * handshake, which is the first answer on the connection, however long after the handler that is.
 */
export function handleUpgrade(
  core: RequestCore,
  handler: UpgradeHandler,
  options: HandlerOptions<IncomingMessage>,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { errors } = core.settings
  let onDone = (): void => undefined
  const request = errors.run(() => {
    const started = acceptWith(core, options, req.headers, { method: req.method, path: req.url, source: req })
    attachRequest(req, started)
    onDone = watchHandshake(socket, (handshake) => started.finish(() => endOfHandshake(started, handshake)))
    return started
  })
  const onError = (error: unknown): void => {
    request?.finish({ outcome: 'error', status: 500, error })
    refuseUpgrade(socket, '500 Internal Server Error')
  }
  const serve = (): void => runHandler(() => handler(req, socket, head), { onDone, onError })
  const reject = (): void => refuseUpgrade(socket, '401 Unauthorized')
  authenticateThen(core, request, req, options, { serve, reject, onError })
}

function refuseUpgrade(socket: Duplex, status: string): void {
  if (!socket.destroyed && !socket.writableEnded)
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
