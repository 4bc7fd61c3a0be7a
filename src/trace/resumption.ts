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
  /** Epoch milliseconds before which the message is not delivered, if its sender delayed it. */
  readonly due?: number
}

const LIFECYCLE = /^([0-9a-f]{16});([^;\s]{1,576});(\d{1,9});(\d{1,15})(?:;(\d{1,15}))?$/

/**
 * Parses the `x-lifecycle` header of a message: `<request_id>;<state>;<seq>;<epoch ms>`, and `;<epoch ms>` of the due time of
 * a delayed message.
 *
 * @returns undefined if the header is malformed
 */
export function parseResumption(value: string): Resumption | undefined {
  const [, requestId, encoded = '', seq, since, due] = LIFECYCLE.exec(value) ?? []
  if (!isRequestId(requestId)) return undefined
  try {
    const resumption = { requestId, state: decodeURIComponent(encoded), seq: Number(seq), since: Number(since) }
    return due === undefined ? resumption : { ...resumption, due: Number(due) }
  } catch {
    // Invalid percent-encoding: the header was not written by throughline.
    return undefined
  }
}

/** Formats the `x-lifecycle` header. The state's name is percent-encoded. */
export function formatResumption({ requestId, state, seq, since, due }: Resumption): string {
  const position = `${requestId};${encodeURIComponent(state)};${seq};${Math.trunc(since)}`
  return due === undefined ? position : `${position};${Math.trunc(due)}`
}
