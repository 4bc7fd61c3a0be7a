import {
  InterceptingCall,
  Metadata,
  ServerInterceptingCall,
  status,
  type Interceptor,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js'
import { HEADERS } from '../trace/carrier.ts'
import { authenticate, type AuthOptions } from '../tracking/authenticate.ts'
import { currentRequest } from '../tracking/context.ts'
import { endWithResponse, type End } from '../tracking/ending.ts'
import { trackerOf, type TrackerSource } from '../tracking/track-request.ts'
import type { TrackedRequest } from '../tracking/tracked-request.ts'
import type { Tracker } from '../tracking/tracker.ts'

/** A call as it came in, before any message: what `authenticate` and `trustIncoming` are given. */
export interface IncomingCall extends Pick<ServerInterceptingCallInterface, 'getPeer' | 'getAuthContext'> {
  readonly metadata: Metadata
  /** `/package.Service/Method`. */
  readonly path: string
}

/** A tracker's options, or `{ tracker }`, and how callers are found out. */
export type GrpcOptions = TrackerSource & AuthOptions<IncomingCall>

type Listener = Parameters<ServerInterceptingCall['start']>[0]
type Status = Parameters<ServerInterceptingCall['sendStatus']>[0]

const { UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS } = status
/** The codes that tell of a fault of the server's; all others are its answer. A code that gRPC does not know is UNKNOWN. */
const FAULTS = new Set([UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS])

/**
 * Tracks every call of a server, of all four kinds, from its metadata to its status.
 *
 * Put it first: grpc-js itself ends a call whose deadline has passed or whose message cannot be read or written,
 * and only the first interceptor can see that. Calls of methods that are not registered reach no interceptor.
 *
 * @throws ThroughlineError THROUGHLINE_BAD_OPTION, at once, for options that cannot be used
 * @example new Server({ interceptors: [trackRequest({ service: 'catalog' })] })
 */
export function trackRequest(options: GrpcOptions): ServerInterceptor {
  const tracker = trackerOf(options)
  return (method, call) => new TrackedCall(call, method.path, tracker, options)
}

/**
 * Sends the request in hand along with every call of a client: `x-trace-id`, `traceparent`, `tracestate`.
 *
 * A key that the caller has set stays as it is, and outside of a request nothing is added.
 *
 * @example new CatalogClient(address, credentials, { interceptors: [propagate()] })
 */
export function propagate(): Interceptor {
  return (options, nextCall) => {
    const request = currentRequest()
    if (request === undefined) return new InterceptingCall(nextCall(options))
    return new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => next(completed(metadata, request.headers()), listener),
    })
  }
}

class TrackedCall extends ServerInterceptingCall {
  readonly #incoming: Omit<IncomingCall, 'metadata'>
  readonly #timeLeft: number | undefined
  readonly #tracker: Tracker
  readonly #options: GrpcOptions
  #request: TrackedRequest | undefined
  #headSent = false
  #answered = false
  #ended = false

  constructor(call: ServerInterceptingCallInterface, path: string, tracker: Tracker, options: GrpcOptions) {
    super(call)
    this.#timeLeft = timeLeft(call)
    this.#incoming = { path, getPeer: () => call.getPeer(), getAuthContext: () => call.getAuthContext() }
    this.#tracker = tracker
    this.#options = options
    const send = call.sendStatus.bind(call)
    // Replaced on the object itself: where grpc-js ends a call of its own accord, it asks no interceptor.
    call.sendStatus = (sent) => {
      send(this.#headSent ? sent : { ...sent, metadata: this.#traced(sent.metadata ?? new Metadata()) })
      this.#end((request) => endOf(request, sent, this.#answered))
    }
  }

  override start(listener: Listener): void {
    super.start({
      onReceiveMetadata: (metadata) => this.#receive(metadata, listener),
      onReceiveMessage: (message) => this.#run(() => listener.onReceiveMessage(message)),
      onReceiveHalfClose: () => this.#run(() => listener.onReceiveHalfClose()),
      // It comes after every end, of whatever kind: where a status was sent, that has decided.
      onCancel: () => {
        this.#end(() => ({ outcome: 'aborted', status: status.CANCELLED }))
        this.#run(() => listener.onCancel())
      },
    })
  }

  // Never sooner than the handler sends it: once a client has seen the head, it may not retry the call.
  override sendMetadata(metadata: Metadata): void {
    this.#headSent = true
    super.sendMetadata(this.#traced(metadata))
  }

  override sendStatus(sent: Status): void {
    this.#answered = true
    super.sendStatus(sent)
  }

  #receive(metadata: Metadata, listener: Listener): void {
    const incoming: IncomingCall = { ...this.#incoming, metadata }
    const request = this.#tracker.receive(metadata, { method: 'grpc', path: incoming.path, source: incoming, timeLeft: this.#timeLeft })
    this.#request = request
    const serve = (allowed: boolean): void => {
      if (allowed) this.#run(() => listener.onReceiveMetadata(metadata))
      else this.sendStatus({ code: status.UNAUTHENTICATED, details: 'Unauthorized' })
    }
    const allowed = authenticate(request, incoming, this.#options, status.UNAUTHENTICATED)
    if (typeof allowed === 'boolean') serve(allowed)
    else void allowed.then(serve)
  }

  #run(part: () => void): void {
    if (this.#request === undefined) part()
    else this.#request.run(part)
  }

  #traced(metadata: Metadata): Metadata {
    return this.#request === undefined ? metadata : completed(metadata, { [HEADERS.traceId]: this.#request.traceId })
  }

  #end(how: (request: TrackedRequest) => End): void {
    const request = this.#request
    if (request === undefined || this.#ended) return
    this.#ended = true
    endWithResponse(request, this.#tracker.core.settings.table, how(request))
  }
}

/** How a call ended, read off its status; `answered` where the handler sent it, and not grpc-js. */
function endOf(request: TrackedRequest, { code, details }: Status, answered: boolean): End {
  // A deadline passes on both sides, and whether the client's reset or our own timer comes first is chance:
  // the outcome is to be the same.
  const left = code === status.CANCELLED || (code === DEADLINE_EXCEEDED && !answered)
  if (left) return { outcome: 'aborted', status: code }
  const refused = code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED
  if (refused && request.accepts('AUTH_ERROR')) return { outcome: 'denied', status: code }
  const name = status[code] as string | undefined // A handler may send any number.
  if (name !== undefined && !FAULTS.has(code)) return { outcome: 'ok', status: code }
  return { outcome: 'error', status: code, error: { name: name ?? 'UNKNOWN', message: details } }
}

/** Milliseconds until the client gives up; undefined where it waits for ever. */
function timeLeft(call: ServerInterceptingCallInterface): number | undefined {
  const left = Number(call.getDeadline()) - Date.now()
  return Number.isFinite(left) ? left : undefined
}

/** A copy with the headers that are not there yet: users keep one Metadata for many calls. */
function completed(metadata: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  const copy = metadata.clone()
  // A tracestate belongs to the traceparent beside it.
  const foreign = metadata.get(HEADERS.traceparent).length > 0
  for (const [key, value] of Object.entries(headers)) {
    if (metadata.get(key).length === 0 && !(foreign && key === HEADERS.tracestate)) copy.set(key, value)
  }
  return copy
}
