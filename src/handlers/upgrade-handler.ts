import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachRequest } from '../tracking/current-request.ts'
import { endFromStatus, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { accepts } from '../tracking/signals.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import { authenticateThen } from './entry.ts'
import type { HandlerOptions } from './handler-options.ts'
import { watchHandshake, type Handshake } from './handshake.ts'
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
    onDone = watchHandshake(socket, (handshake) => errors.run(() => started.finish(endOfHandshake(started, handshake))))
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

/**
 * A client who is refused was denied, or the handshake failed; any other answer below 500 is the handler's own.
 *
 * @param thrown the error that was answered, if any
 */
export function endOfHandshake(request: TrackedRequest, handshake: Handshake, thrown?: ThrownValue): RequestEnd {
  switch (handshake.how) {
    case 'left':
      return { outcome: 'aborted' }
    case 'taken over':
      return { outcome: 'ok' }
    case 'closed':
      return accepts(request, 'AUTH_ERROR') && handshake.error === undefined
        ? { outcome: 'denied' }
        : { outcome: 'error', error: handshake.error ?? UNANSWERED }
    case 'answered': {
      const { status } = handshake
      const end = endFromStatus(request, status, thrown)
      return end.outcome === 'ok' && (status === 401 || status === 403) ? { ...end, outcome: 'error' } : end
    }
  }
}

const UNANSWERED = { name: 'UpgradeRefused', message: 'the connection was closed without an answer' }

function refuseUpgrade(socket: Duplex, status: string): void {
  if (!socket.destroyed && !socket.writableEnded)
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
