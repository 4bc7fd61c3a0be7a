/** A way to write lines to a file. */
export interface Destination {
  /** Accepts a line, with its newline. */
  write(line: string): void
  /** Called when the first lines of a request are written and its handler is about to run. */
  beforeHandler(): void
  /** Writes what is still buffered. */
  flush(): void
  /** Resolves when it can accept more: at once, unless its buffer is full. */
  drained(): Promise<void>
}

/** In the order of the table in docs/benchmarks.md. */
export const DESTINATIONS = [
  'none',
  'line',
  'entry',
  'turn',
  'pino-asynchronous',
  'pino-transport',
  'writer-thread',
] as const

export type DestinationName = (typeof DESTINATIONS)[number]
