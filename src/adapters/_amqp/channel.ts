/** The members of a channel that are used. A confirm channel also has `waitForConfirms`. */
export interface AmqpChannelLike {
  publish(...args: never[]): unknown
  sendToQueue(...args: never[]): unknown
  consume(...args: never[]): unknown
  on(event: string, listener: (message: unknown) => void): unknown
}

/** The channel whose methods are wrapped. */
export function channelOf(wrapped: object): AmqpChannelLike {
  // `propagate` wraps nothing but channels.
  return wrapped as AmqpChannelLike
}
