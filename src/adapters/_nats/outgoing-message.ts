import { isObject } from '../_objects.ts'
import type { OptionNames } from '../../tracking/options.ts'
import { SEND_OPTIONS, type SendOptions } from '../_send-options.ts'
import { type OutgoingMessage } from '../_send.ts'
import { carrierOf, copyOf, type NewHeaders } from './headers.ts'

/** The arguments of a send, on a connection as in JetStream: `(subject, payload, options)`. */
export type Args = readonly unknown[]

/** What a server says about itself. */
export interface ServerInfoLike {
  readonly headers?: boolean
  /** Bytes, headers included. */
  readonly max_payload?: number
}

/** How messages are sent. */
export interface NatsSendOptions extends SendOptions {
  /** The function `headers` of your NATS package: for programs that are bundled into one file. */
  readonly headers?: NewHeaders
}

/** The names of {@link NatsSendOptions}. */
export const NATS_SEND_OPTIONS: OptionNames<NatsSendOptions> = { ...SEND_OPTIONS, headers: true }

/** The options with `headers` found. */
export type ResolvedSendOptions = NatsSendOptions & Required<Pick<NatsSendOptions, 'headers'>>

/** A send that can carry trace headers. */
export interface ParsedSend {
  readonly message: OutgoingMessage
  /** The arguments with these headers beside the caller's. */
  readonly withHeaders: (traceHeaders: Readonly<Record<string, string>>) => Args
}

/** Subjects of no service: the server's API, the subjects of buckets, and inboxes, to which answers go. */
const INTERNAL_SUBJECTS = /^(?:\$|_INBOX\.)/

/** Trace headers of the greatest length are shorter. */
const MAX_HEADER_BYTES = 1_024

export const NO_ROOM = 'a message was sent without its trace: the headers would exceed max_payload'

/** Parses the arguments of a send; undefined for one that cannot carry headers. */
export function parseArgs(
  args: Args,
  newHeaders: NewHeaders,
  server: ServerInfoLike | undefined,
): ParsedSend | undefined {
  const [subject, payload, rawOptions, ...rest] = args
  if (typeof subject !== 'string' || INTERNAL_SUBJECTS.test(subject)) return undefined
  // To a server without headers, a message with headers is a protocol error: it closes the connection.
  if (server !== undefined && server.headers !== true) return undefined
  const options = isObject(rawOptions) ? rawOptions : {}
  const headers = copyOf(options.headers, newHeaders)
  if (headers === undefined) return undefined
  const hasRoom = sizeOf(payload) + MAX_HEADER_BYTES <= (server?.max_payload ?? Infinity)
  return {
    message: { to: subject, own: carrierOf(options), headerSlots: hasRoom ? Infinity : 0 },
    withHeaders(traceHeaders) {
      for (const [key, value] of Object.entries(traceHeaders)) headers.append(key, value)
      return [subject, payload, { ...options, headers }, ...rest]
    },
  }
}

function sizeOf(payload: unknown): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload instanceof Uint8Array ? payload.length : 0
}
