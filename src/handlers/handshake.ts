import type { Duplex } from 'node:stream'
import { endFromStatus, type RequestEnd, type ThrownValue } from '../tracking/finish-request.ts'
import { accepts } from '../tracking/signals.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** What an upgrade handler did with its connection. */
export type Handshake =
  /** It answered: 101 accepts the client. */
  | { readonly how: 'answered'; readonly status: number }
  /** It wrote something that is not HTTP. */
  | { readonly how: 'taken over' }
  /** It closed the connection without an answer. */
  | { readonly how: 'closed'; readonly error: unknown }
  /** The client left before that. */
  | { readonly how: 'left' }

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5]\d\d)/
/** Interim answers: the handshake follows. */
const INTERIM = new Set([100, 102, 103])
/** The methods with which a handler answers or closes. */
const METHODS = ['write', 'end', 'destroy'] as const

/** Bun writes the handshake of a WebSocket beneath the connection, where nothing sees it. */
const HIDES_HANDSHAKES = 'Bun' in globalThis

/**
 * Reports once what becomes of a connection: an upgrade has no response object, so the first bytes tell. What is
 * exchanged after them is not read.
 *
 * @returns what has to be called when the handler has finished
 */
export function watchHandshake(socket: Duplex, ended: (handshake: Handshake) => void): () => void {
  let open = true
  const settle = (handshake: Handshake): void => {
    if (!open) return
    open = false
    for (const method of METHODS)
      if (Reflect.get(socket, method) === replaced[method]) Reflect.deleteProperty(socket, method)
    for (const event of ['end', 'close']) socket.off(event, left)
    ended(handshake)
  }
  const left = (): void => settle({ how: 'left' })
  const onWrite = (chunk: unknown): void => {
    const handshake = handshakeIn(chunk)
    if (handshake !== undefined) settle(handshake)
  }
  const before: Readonly<Record<(typeof METHODS)[number], (first: unknown) => void>> = {
    write: onWrite,
    end: (chunk) => {
      onWrite(chunk)
      settle({ how: 'closed', error: undefined })
    },
    // Where the client has left, destroying the connection only cleans up.
    destroy: (error) => settle(socket.readableEnded || socket.destroyed ? { how: 'left' } : { how: 'closed', error }),
  }
  const replaced: Readonly<Record<string, unknown>> = Object.fromEntries(
    METHODS.map((method) => {
      // It is called on its own connection again.
      const original: unknown = Reflect.get(socket, method)
      return [
        method,
        (...args: readonly unknown[]) => {
          before[method](args[0])
          const result: unknown = typeof original === 'function' ? Reflect.apply(original, socket, args) : undefined
          return result
        },
      ]
    }),
  )
  Object.assign(socket, replaced)
  // `end` alone comes where the client has left and Node keeps its half of the connection open.
  for (const event of ['end', 'close']) socket.on(event, left)
  return () => {
    if (HIDES_HANDSHAKES && !socket.destroyed && !socket.writableEnded) settle({ how: 'answered', status: 101 })
  }
}

/** Undefined for what says nothing yet. */
function handshakeIn(chunk: unknown): Handshake | undefined {
  if (chunk === undefined || chunk === null || typeof chunk === 'function') return undefined
  const text =
    typeof chunk === 'string'
      ? chunk
      : ArrayBuffer.isView(chunk)
        ? Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.byteLength, 12)).toString('latin1')
        : ''
  const status = Number(STATUS_LINE.exec(text)?.[1])
  if (Number.isNaN(status)) return text === '' ? undefined : { how: 'taken over' }
  return INTERIM.has(status) ? undefined : { how: 'answered', status }
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
