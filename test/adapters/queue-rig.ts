import { memorySink } from '../../src/sinks/memory.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { TrackerOptions } from '../../src/tracking/settings.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** What the contract's handler receives, whatever the host. */
export interface Message {
  readonly body: string
  /** The host's own object, to which the request is attached. */
  readonly host: object
}

/** Rejects if the message is to be delivered again. */
export type Work = (message: Message) => Promise<unknown>

/**
 * One queue host, over real connections to its broker. A message that is not settled is delivered again only after a
 * time that no slow machine reaches.
 */
export interface QueueRig {
  /** The address by which another process can open a rig for the same broker. */
  readonly address: string
  /** Creates a queue whose messages are delivered at most this many times. */
  newQueue(attempts: number): Promise<string>
  /** Sends through the producer of `propagate`, with headers of the caller's where the host has any. */
  send(queue: string, body: string, headers?: Readonly<Record<string, string>>): Promise<unknown>
  /** Sends through an unwrapped producer, with headers as a service in another language would set them. */
  sendBare(queue: string, body: string, headers?: Readonly<Record<string, string>>): Promise<unknown>
  /** Sends through a producer of `propagate` whose broker cannot be reached: rejects. */
  sendDown(queue: string): Promise<unknown>
  /** Processes a queue with a handler of `trackRequest`, until it is stopped. */
  work(queue: string, tracker: Tracker, work: Work): Promise<() => Promise<unknown>>
  /** Makes the broker deliver the one message of a worker that has died again, without waiting for its timeout. */
  redeliver(queue: string): Promise<unknown>
  close(): Promise<unknown>
}

/**
 * Opens connections to the broker at an address, by default the usual one. Each file of ./queues exports it by this
 * name.
 */
export type OpenRig = (address?: string) => Promise<QueueRig>

/** Seconds after which a broker delivers an unsettled message again. */
export const REDELIVERY_SECONDS = 600

/** A service with a tracker, whose records can be read in short. */
export interface TrackedService {
  readonly tracker: Tracker
  readonly records: LifecycleRecord[]
  /** The records of one request in short, as {@link storyOf} writes them. */
  readonly story: (requestId: string) => string[]
  /** The ids of its requests, in the order of their start. */
  readonly requests: () => string[]
}

export function trackedService(service = 'shop', options: Partial<TrackerOptions> = {}): TrackedService {
  const { records, ...sink } = memorySink()
  return {
    tracker: createTracker({ service, logger: false, sinks: [sink], ...options }),
    records,
    story: (requestId) => storyOf(records.filter((record) => record.request_id === requestId)),
    requests: () => [...new Set(records.map((record) => record.request_id))],
  }
}

/**
 * Records in short, with notes in brackets: `Queued`, `(ATTEMPT 1)`, `Completed 2 ok`. The sender's come first, though
 * a broker may deliver a message before it confirms it to the sender.
 */
export function storyOf(records: readonly LifecycleRecord[]): string[] {
  const [sender, worker] = [
    records.filter(({ attempt }) => attempt === undefined),
    records.filter(({ attempt }) => attempt !== undefined),
  ]
  return [...sender, ...worker].map((record) => {
    const attempt = record.attempt === undefined ? '' : ` ${record.attempt}`
    if (record.lifecycle !== 'transition') return `(${record.event}${attempt})`
    return `${record.state}${attempt}${record.outcome === undefined ? '' : ` ${record.outcome}`}`
  })
}
