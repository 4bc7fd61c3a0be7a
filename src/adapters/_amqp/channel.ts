/** The members of a channel that are touched; one of its own kind, which confirms, has `waitForConfirms` besides. */
export interface AmqpChannelLike {
  publish(...args: never[]): unknown
  sendToQueue(...args: never[]): unknown
  consume(...args: never[]): unknown
  on(event: string, listener: (message: unknown) => void): unknown
}

/** The channel that an overlay stands for. */
export function channelOf(overlaid: object): AmqpChannelLike {
  // `propagate` overlays nothing else.
  return overlaid as AmqpChannelLike
}
