/** What the broker was told of a delivery, or that its channel was lost before. */
export type Settlement = 'acked' | 'requeued' | 'dropped' | 'lost'

/** A delivery that waits for its answer. */
export interface PendingDelivery {
  settled(verdict: Settlement): void
  /** The handler threw, and has not told the broker anything. */
  failed(error: unknown): void
}

/** The deliveries of one channel that wait for their answers: by their tags, as the broker knows them. */
export interface UnackedDeliveries {
  add(tag: number, waiting: PendingDelivery): void
  get(tag: number): PendingDelivery | undefined
  /** The broker was told of one delivery, or of all up to it. */
  settle(tag: number, allUpTo: boolean, verdict: Settlement): void
}

/** A ledger of a channel that has given out nothing yet. */
export function createUnackedDeliveries(): UnackedDeliveries {
  const waiting = new Map<number, PendingDelivery>()
  const settleOne = (tag: number, verdict: Settlement): void => {
    const one = waiting.get(tag)
    waiting.delete(tag)
    one?.settled(verdict)
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
