import { isRequestId } from './trace-id.ts'

/** Where a request stood when a message handed it over: what a worker needs to go on with it. */
export interface Resumption {
  readonly requestId: string
  /** The state that the request was in, or was about to enter, when the message was sent. */
  readonly state: string
  /** The `seq` of the line that entered it. */
  readonly seq: number
  /** When it was entered, in epoch milliseconds. */
  readonly since: number
}

const LIFECYCLE = /^([0-9a-f]{16});([^;\s]{1,576});(\d{1,9});(\d{1,15})$/

/**
 * Reads the `x-lifecycle` header of a message: `<request_id>;<state>;<seq>;<epoch ms>`.
 *
 * @returns undefined where it is anything else
 */
export function parseResumption(value: string): Resumption | undefined {
  const [, requestId, encoded = '', seq, since] = LIFECYCLE.exec(value) ?? []
  if (!isRequestId(requestId)) return undefined
  try {
    return { requestId, state: decodeURIComponent(encoded), seq: Number(seq), since: Number(since) }
  } catch {
    // A stray percent sign: the header is not ours, and a header that is not ours is ignored.
    return undefined
  }
}

/** Writes the `x-lifecycle` header; a state's name is percent-encoded where it is not plain. */
export function formatResumption({ requestId, state, seq, since }: Resumption): string {
  return `${requestId};${encodeURIComponent(state)};${String(seq)};${String(Math.trunc(since))}`
}
