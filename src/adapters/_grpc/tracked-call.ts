import { Metadata, ServerInterceptingCall, status, type ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { HEADERS } from '../../trace/carrier.ts'
import { authenticate, type AuthOptions } from '../../handlers/authenticate.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import { acceptRequest, type RequestCore } from '../../tracking/intake.ts'
import { withTraceHeaders } from './metadata.ts'
import { endOf, type Status } from './status.ts'

/** A call as it came in, before any message: what `authenticate` and `trustIncoming` are given. */
export interface IncomingCall extends Pick<ServerInterceptingCallInterface, 'getPeer' | 'getAuthContext'> {
  readonly metadata: Metadata
  /** `/package.Service/Method`. */
  readonly path: string
}

type Listener = Parameters<ServerInterceptingCall['start']>[0]

/** One call of a server, from its metadata to its status. */
export class TrackedCall extends ServerInterceptingCall {
  readonly #incoming: Omit<IncomingCall, 'metadata'>
  readonly #timeLeft: number | undefined
  readonly #core: RequestCore
  readonly #options: AuthOptions<IncomingCall>
  #request: TrackedRequest | undefined
  #headSent = false
  #answered = false
  #ended = false

  constructor(
    call: ServerInterceptingCallInterface,
    path: string,
    core: RequestCore,
    options: AuthOptions<IncomingCall>,
  ) {
    super(call)
    this.#timeLeft = timeLeft(call)
    this.#incoming = { path, getPeer: () => call.getPeer(), getAuthContext: () => call.getAuthContext() }
    this.#core = core
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
    const request = acceptRequest(this.#core, metadata, {
      method: 'grpc',
      path: incoming.path,
      source: incoming,
      timeLeft: this.#timeLeft,
    })
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
    return this.#request === undefined
      ? metadata
      : withTraceHeaders(metadata, { [HEADERS.traceId]: this.#request.traceId })
  }

  #end(how: (request: TrackedRequest) => RequestEnd): void {
    const request = this.#request
    if (request === undefined || this.#ended) return
    this.#ended = true
    request.finish(how(request))
  }
}

/** Milliseconds until the client gives up; undefined where it waits for ever. */
function timeLeft(call: ServerInterceptingCallInterface): number | undefined {
  const left = Number(call.getDeadline()) - Date.now()
  return Number.isFinite(left) ? left : undefined
}
