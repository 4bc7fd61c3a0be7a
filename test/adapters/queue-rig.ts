import { memorySink } from '../../src/sinks/memory.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** What the suite's handler is given of a message, in the words of no host. */
export interface Message {
  readonly body: string
  /** The host's own object, on which the request hangs. */
  readonly host: object
}

/** Rejects where the message is to be delivered again, as the host's own users would have that. */
export type Work = (message: Message) => Promise<unknown>

/** One queue host, over real connections to its broker. */
export interface QueueRig {
  /** What another process opens its own rig with, to reach the same broker. */
  readonly address: string
  /** A new queue, whose messages are delivered so many times at most. A worker that dies has its message delivered again soon. */
  newQueue(attempts: number): Promise<string>
  /** Sends by the producer of `propagate`. */
  send(queue: string, body: string): Promise<unknown>
  /** Sends by a producer of the host alone, with headers as a service in another language would set them. */
  sendBare(queue: string, body: string, headers?: Readonly<Record<string, string>>): Promise<unknown>
  /** Sends by a producer of `propagate` whose broker cannot be reached: rejects. */
  sendDown(queue: string): Promise<unknown>
  /** Works on a queue by the handler of `trackRequest`, until it is stopped. */
  work(queue: string, tracker: Tracker, work: Work): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

/** A file of ./queues exports it by this name: opens connections to the broker at an address, by default the usual one. */
export type OpenRig = (address?: string) => Promise<QueueRig>

/** A tracker whose records can be read as a story: states entered, notes in brackets, with attempt and outcome. */
export interface Watched {
  readonly tracker: Tracker
  readonly records: LifecycleRecord[]
  /** The story of one request. */
  readonly story: (requestId: string) => string[]
  /** The ids of its requests, in the order in which they began. */
  readonly requests: () => string[]
}

export function watched(service = 'shop'): Watched {
  const { records, ...sink } = memorySink()
  return {
    tracker: createTracker({ service, logger: false, sinks: [sink] }),
    records,
    story: (requestId) => storyOf(records.filter((record) => record.request_id === requestId)),
    requests: () => [...new Set(records.map((record) => record.request_id))],
  }
}

/**
 * Records in short: `Queued`, `(ATTEMPT 1)`, `Completed 2 ok`. The sender's come first, though a broker may deliver a
 * message before it has told the sender that it has it.
 */
export function storyOf(records: readonly LifecycleRecord[]): string[] {
  const [sent, worked] = [
    records.filter(({ attempt }) => attempt === undefined),
    records.filter(({ attempt }) => attempt !== undefined),
  ]
  return [...sent, ...worked].map((record) => {
    const attempt = record.attempt === undefined ? '' : ` ${String(record.attempt)}`
    if (record.lifecycle !== 'transition') return `(${record.event}${attempt})`
    return `${record.state}${attempt}${record.outcome === undefined ? '' : ` ${record.outcome}`}`
  })
}
