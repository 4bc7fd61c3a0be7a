import { currentRequest } from '../../tracking/current-request.ts'
import { startHandOff, type HandOff } from '../../tracking/hand-off.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { hasForeignCarrier, isRecord, resolveSendAs } from '../_send.ts'
import { carrierOf, copyOf, type NewHeaders } from './headers.ts'
import type { SendAs, SendOptions } from '../_deliveries.ts'

/** What a send takes: `(subject, payload, options)`, on a connection as in JetStream. */
export type Args = readonly unknown[]

/** What a server says of itself. */
export interface ServerInfoLike {
  readonly headers?: boolean
  /** Bytes, headers included. */
  readonly max_payload?: number
}

/** How messages are sent. */
export interface NatsSendOptions extends SendOptions {
  /** The function `headers` of your NATS package, for programs that are bundled into one file. */
  readonly headers?: NewHeaders
}

/** The same, complete. */
export type Carrying = NatsSendOptions & Required<Pick<NatsSendOptions, 'headers'>>

/** One send that carries the request in hand. */
export interface OutgoingCall {
  readonly request: TrackedRequest
  /** The arguments, with these headers beside those that the caller gave. */
  with(ours: Readonly<Record<string, string>>): Args
  handOff(usual: SendAs): HandOff
}

/** Subjects that are no service's: the server's API, the places where buckets are kept, and inboxes, to which answers go. */
const INTERNAL_SUBJECTS = /^(?:\$|_INBOX\.)/

/** Ours, all of the greatest length, are shorter. */
const MAX_HEADER_BYTES = 1_024

/** Undefined for a send that stays as it is. */
export function parseArgs(
  args: Args,
  { as, headers: newHeaders }: Carrying,
  server: ServerInfoLike | undefined,
): OutgoingCall | undefined {
  const request = currentRequest()
  const [subject, payload, given, ...rest] = args
  // A server without headers takes a message that has some for a breach of the protocol, and hangs up.
  if (
    request === undefined ||
    typeof subject !== 'string' ||
    INTERNAL_SUBJECTS.test(subject) ||
    (server !== undefined && server.headers !== true)
  )
    return undefined
  const sending = isRecord(given) ? given : {}
  const headers = copyOf(sending.headers, newHeaders)
  if (headers === undefined || hasForeignCarrier(request, carrierOf(sending))) return undefined
  if (sizeOf(payload) + MAX_HEADER_BYTES > (server?.max_payload ?? Infinity)) {
    request.emitNote('note', 'PROPAGATE', {
      error: new Error('a message was sent without its trace: with it, it would be longer than max_payload'),
    })
    return undefined
  }
  return {
    request,
    with: (ours) => {
      for (const [key, value] of Object.entries(ours)) headers.append(key, value)
      return [subject, payload, { ...sending, headers }, ...rest]
    },
    handOff: (usual) =>
      startHandOff(request, resolveSendAs(request, as ?? usual, subject) === 'child' ? 'child' : undefined),
  }
}

function sizeOf(payload: unknown): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload instanceof Uint8Array ? payload.length : 0
}
