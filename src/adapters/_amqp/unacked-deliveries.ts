/** How a delivery was settled; `lost` if its channel closed first. */
export type Settlement = 'acked' | 'requeued' | 'dropped' | 'lost'

/** A delivery that is not settled yet. */
export interface PendingDelivery {
  settled(settlement: Settlement): void
  /** The handler threw without settling the delivery. */
  failed(error: unknown): void
}

/** The unsettled deliveries of one channel, by delivery tag. */
export interface UnackedDeliveries {
  add(tag: number, delivery: PendingDelivery): void
  get(tag: number): PendingDelivery | undefined
  /** Settles one delivery, or all up to it. */
  settle(tag: number, allUpTo: boolean, settlement: Settlement): void
}

export function createUnackedDeliveries(): UnackedDeliveries {
  const pending = new Map<number, PendingDelivery>()
  const settleOne = (tag: number, settlement: Settlement): void => {
    const delivery = pending.get(tag)
    pending.delete(tag)
    delivery?.settled(settlement)
  }
  return {
    add: (tag, delivery) => void pending.set(tag, delivery),
    get: (tag) => pending.get(tag),
    settle(last, allUpTo, settlement) {
      if (!allUpTo) settleOne(last, settlement)
      else for (const tag of [...pending.keys()].filter((each) => each <= last)) settleOne(tag, settlement)
    },
  }
}
