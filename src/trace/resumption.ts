import { isRequestId } from './trace-id.ts'

/** The position of a request when it was handed off by a message. A worker continues from here. */
export interface Resumption {
  readonly requestId: string
  /** The state that the request was in, or was about to enter, when the message was sent. */
  readonly state: string
  /** The `seq` of the line that entered the state. */
  readonly seq: number
  /** When the state was entered, in epoch milliseconds. */
  readonly since: number
}

const LIFECYCLE = /^([0-9a-f]{16});([^;\s]{1,576});(\d{1,9});(\d{1,15})$/

/**
 * Parses the `x-lifecycle` header of a message: `<request_id>;<state>;<seq>;<epoch ms>`.
 *
 * @returns undefined if the header is malformed
 */
export function parseResumption(value: string): Resumption | undefined {
  const [, requestId, encoded = '', seq, since] = LIFECYCLE.exec(value) ?? []
  if (!isRequestId(requestId)) return undefined
  try {
    return { requestId, state: decodeURIComponent(encoded), seq: Number(seq), since: Number(since) }
  } catch {
    // Invalid percent-encoding: the header was not written by throughline.
    return undefined
  }
}

/** Formats the `x-lifecycle` header. The state's name is percent-encoded. */
export function formatResumption({ requestId, state, seq, since }: Resumption): string {
  return `${requestId};${encodeURIComponent(state)};${seq};${Math.trunc(since)}`
}
