import type { ThrownValue } from '../tracking/finish-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'

/** One request of a fetch-style host, and how the host serves it. */
export interface FetchRequestInfo<Source> {
  readonly incoming: Request
  /** The argument of the user's functions; the tracked request is attached to it. */
  readonly source: Source & object
  /** What the host passes along with a request: where it is built on node:http, Node's own request and response. */
  readonly env: unknown
  /** The pattern of the route; by default the URL. */
  readonly path?: string | undefined
  readonly serve: () => FetchAnswer | Promise<FetchAnswer>
  /** Answers a caller who was refused. */
  readonly refuse?: () => Response
  /** The error that the host itself answered, if any. */
  readonly fault?: () => ThrownValue | undefined
}

/** What a handler answers: on Bun nothing, once the connection is a WebSocket. */
export type FetchAnswer = Response | undefined

/** How the request of one kind of host is followed to its end. */
export interface FetchTracking {
  readonly request: TrackedRequest
  /** The handler has answered. Returns what the host is given. */
  readonly answered: (answer: FetchAnswer, thrown: ThrownValue | undefined) => FetchAnswer | Promise<FetchAnswer>
  /** The handler has thrown, which the host will answer. */
  readonly failed: (error: unknown) => void
}
