import type { TrackerOptions } from '../../src/tracking/settings.ts'
import { createTracker } from '../../src/handlers/track-request.ts'
import type { HandlerOptions } from '../../src/handlers/handler-options.ts'
import type { Tracker } from '../../src/handlers/tracker.ts'
import type { LifecycleRecord } from '../../src/record/record.ts'

/** What a handler of the suite receives, whatever the host. */
export interface IncomingRequest {
  readonly header: (name: string) => string | undefined
  readonly body: () => Promise<string>
}

/** What a handler responds; a body in parts is streamed. */
export interface Answer {
  readonly status?: number
  /** The content type, if it matters. */
  readonly type?: string
  readonly body?: string | AsyncIterable<string> | null
}

export type Handle = (incoming: IncomingRequest) => Answer | Promise<Answer>

/** What a host serves: all requests go to the handler; a host with routes has `/` and `/orders/:id`. */
export interface Scenario extends OwnOptions {
  readonly tracker: Tracker
  readonly handle: Handle
}

type HeaderOf = (name: string) => string | undefined

/** The options of a handler, whose functions get the headers in place of the host's own request. */
export interface OwnOptions {
  readonly authenticate?: (header: HeaderOf) => unknown
  readonly auth?: 'manual'
  readonly processing?: 'manual'
  readonly ignore?: (header: HeaderOf) => boolean
  readonly path?: (header: HeaderOf, path: string) => string
  readonly fields?: (header: HeaderOf) => object
}

/** The options of a scenario for its host. */
export function optionsFor<Source>(
  { authenticate, auth, processing, ignore, path, fields }: OwnOptions,
  headerOf: (source: Source) => HeaderOf,
): HandlerOptions<Source> {
  return {
    ...(auth === undefined ? {} : { auth }),
    ...(processing === undefined ? {} : { processing }),
    ...(authenticate === undefined ? {} : { authenticate: (source) => authenticate(headerOf(source)) }),
    ...(ignore === undefined ? {} : { ignore: (source) => ignore(headerOf(source)) }),
    ...(path === undefined ? {} : { path: (source, text) => path(headerOf(source), text) }),
    ...(fields === undefined ? {} : { fields: (source) => fields(headerOf(source)) }),
  }
}

export interface RunningServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts a real server on 127.0.0.1, on any free port. */
export type Serve = (scenario: Scenario) => Promise<RunningServer>

/** What differs between hosts. */
export interface HostTraits {
  /** The host has routes: `path` is a pattern, and the host answers requests that match none. */
  readonly routes?: { readonly orders: string }
  /** The host parses the body before the handler runs, and answers requests whose body is not valid JSON. */
  readonly parsesJson?: boolean
  /** Starts the same host over HTTP/2 without TLS. */
  readonly http2?: Serve
  /** Starts the same host over HTTPS, with the certificate of the tests. */
  readonly https?: Serve
}

/** A tracker whose records can be awaited, since a response may reach its client before its request has ended. */
export interface RecordingTracker {
  readonly tracker: Tracker
  readonly records: LifecycleRecord[]
  /** Resolves once a request has come in. */
  readonly started: () => Promise<void>
  /** Resolves once this many requests have ended. */
  readonly ended: (count: number) => Promise<void>
  /** The records grouped by request, in the order of their start. */
  readonly byRequest: () => LifecycleRecord[][]
}

export function recordingTracker(
  options: Partial<Omit<TrackerOptions, 'service' | 'logger' | 'sinks'>> = {},
): RecordingTracker {
  const records: LifecycleRecord[] = []
  const waiting = new Set<() => void>()
  const write = (record: LifecycleRecord): void => {
    records.push(record)
    for (const check of waiting) check()
  }
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isSo()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  const endCount = (): number =>
    records.filter((record) => record.lifecycle === 'transition' && record.outcome !== undefined).length
  return {
    tracker: createTracker({
      service: 'api',
      logger: false,
      sinks: [{ write }],
      ...options,
    }),
    records,
    started: () => until(() => records.length > 0),
    ended: (count) => until(() => endCount() >= count),
    byRequest: () =>
      [...new Set(records.map(({ request_id }) => request_id))].map((id) =>
        records.filter(({ request_id }) => request_id === id),
      ),
  }
}
