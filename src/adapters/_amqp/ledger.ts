import type { AmqpChannelLike } from './channel.ts'

/** What the broker was told of a delivery, or that its channel was lost before. */
export type Verdict = 'acked' | 'requeued' | 'dropped' | 'lost'

/** A delivery that waits for its answer. */
export interface Waiting {
  told(verdict: Verdict): void
  /** The handler threw, and has not told the broker anything. */
  threw(error: unknown): void
}

/** The deliveries of one channel that wait for their answers: by their tags, as the broker knows them. */
export interface Ledger {
  add(tag: number, waiting: Waiting): void
  get(tag: number): Waiting | undefined
  /** The broker was told of one delivery, or of all up to it. */
  settle(tag: number, allUpTo: boolean, verdict: Verdict): void
}

/** Opens the ledger of a channel. What it holds when that closes, the broker is going to deliver again. */
export function ledgerOf(channel: AmqpChannelLike): Ledger {
  const waiting = new Map<number, Waiting>()
  const settleOne = (tag: number, verdict: Verdict): void => {
    const one = waiting.get(tag)
    waiting.delete(tag)
    one?.told(verdict)
  }
  const settle = (last: number, allUpTo: boolean, verdict: Verdict): void => {
    if (!allUpTo) settleOne(last, verdict)
    else for (const tag of [...waiting.keys()].filter((each) => each <= last)) settleOne(tag, verdict)
  }
  channel.on('close', () => settle(Infinity, true, 'lost'))
  return { add: (tag, one) => void waiting.set(tag, one), get: (tag) => waiting.get(tag), settle }
}
