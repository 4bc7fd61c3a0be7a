/** A way of handing lines to the operating system. */
export interface Destination {
  /** Takes a line, with its newline. */
  line(text: string): void
  /** The handler of a request is about to run, and its first lines are written. */
  entered(): void
  /** Hands over what is still kept. */
  flush(): void
  /** Resolves when it takes more: at once, but where what is kept has become too much. */
  ready(): Promise<void>
}

/** The names of the ways, in the order of the table. */
export const DESTINATIONS = ['nothing', 'line', 'entry', 'turn', 'pino-asynchronous', 'pino-worker', 'writer-thread'] as const

export type DestinationName = (typeof DESTINATIONS)[number]
