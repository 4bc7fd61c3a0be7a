import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** What a handler of the suite sees of a request, in the words of no host. */
export interface IncomingRequest {
  readonly header: (name: string) => string | undefined
  readonly body: () => Promise<string>
}

/** What it answers; a body in parts is streamed as the parts come. */
export interface Answer {
  readonly status?: number
  /** Its content type, where that matters. */
  readonly type?: string
  readonly body?: string | AsyncIterable<string> | null
}

export type Handle = (exchange: IncomingRequest) => Answer | Promise<Answer>

/** What a host is to serve: every request is the handler's; where it knows routes, those of `/` and `/orders/:id`. */
export interface Scenario {
  readonly tracker: Tracker
  readonly handle: Handle
  readonly authenticate?: (header: (name: string) => string | undefined) => unknown
  readonly auth?: 'manual'
}

export interface RunningServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts a real server on a port of 127.0.0.1 that the system chooses. */
export type Serve = (scenario: Scenario) => Promise<RunningServer>

/** What a host can besides. */
export interface HostTraits {
  /** It knows routes: then `path` is a pattern, and it answers for itself what matches none. */
  readonly routes?: { readonly orders: string }
  /** It parses the body before the handler runs, and answers for itself one that is no JSON. */
  readonly parsesJson?: boolean
  /** The same host over HTTP/2 without TLS. */
  readonly http2?: Serve
}

/** A tracker whose records can be awaited: an answer may reach its client before the server knows. */
export interface RecordingTracker {
  readonly tracker: Tracker
  readonly records: LifecycleRecord[]
  /** Resolves once so many requests have ended. */
  readonly ended: (count: number) => Promise<void>
  /** The records by request, in the order in which they began. */
  readonly byRequest: () => LifecycleRecord[][]
}

export function recordingTracker(options: Pick<TrackerOptions, 'onInvalid'> = {}): RecordingTracker {
  const records: LifecycleRecord[] = []
  const waiting = new Set<() => void>()
  const write = (record: LifecycleRecord): void => {
    records.push(record)
    for (const look of waiting) look()
  }
  const ends = (): number =>
    records.filter((record) => record.lifecycle === 'transition' && record.outcome !== undefined).length
  return {
    tracker: createTracker({
      service: 'api',
      logger: false,
      sinks: [{ write }],
      ...(options.onInvalid === undefined ? {} : { onInvalid: options.onInvalid }),
    }),
    records,
    ended: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (ends() < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    byRequest: () =>
      [...new Set(records.map(({ request_id }) => request_id))].map((id) =>
        records.filter(({ request_id }) => request_id === id),
      ),
  }
}
