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

/** A ledger of a channel that has given out nothing yet. */
export function newLedger(): Ledger {
  const waiting = new Map<number, Waiting>()
  const settleOne = (tag: number, verdict: Verdict): void => {
    const one = waiting.get(tag)
    waiting.delete(tag)
    one?.told(verdict)
  }
  return {
    add: (tag, one) => void waiting.set(tag, one),
    get: (tag) => waiting.get(tag),
    settle(last, allUpTo, verdict) {
      if (!allUpTo) settleOne(last, verdict)
      else for (const tag of [...waiting.keys()].filter((each) => each <= last)) settleOne(tag, verdict)
    },
  }
}
