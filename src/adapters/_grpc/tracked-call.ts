import { Metadata, status, type ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { authenticate, enterHandler, runFor } from '../../handlers/entry.ts'
import type { HandlerOptions } from '../../handlers/handler-options.ts'
import { acceptWith } from '../../handlers/request-options.ts'
import type { RequestEnd } from '../../tracking/finish-request.ts'
import type { TrackedRequest } from '../../tracking/tracked-request.ts'
import type { RequestCore } from '../../tracking/intake.ts'
import { isPlainObject, lastListener, onMetadata, type Listener } from './listeners.ts'
import type { HeaderChanges } from '../_header-changes.ts'
import { withTraceHeaders } from './outgoing-call.ts'
import { ServerInterceptingCall } from './server-call.ts'
import { endOf, type Status } from './status.ts'

/** A call before its first message: the argument of the user's functions. */
export interface IncomingCall extends Pick<ServerInterceptingCallInterface, 'getPeer' | 'getAuthContext'> {
  readonly metadata: Metadata
  /** `/package.Service/Method`. */
  readonly path: string
}

/** A server's call, tracked from its metadata to its status. */
export class TrackedCall extends ServerInterceptingCall {
  readonly #incoming: Omit<IncomingCall, 'metadata'>
  readonly #timeLeft: number | undefined
  readonly #core: RequestCore
  readonly #errors: RequestCore['settings']['errors']
  readonly #options: HandlerOptions<IncomingCall>
  #request: TrackedRequest | undefined
  /** Whether other interceptors follow. */
  #hasPhase = false
  #entered = false
  #metadataSent = false
  #answered = false
  #ended = false

  constructor(
    call: ServerInterceptingCallInterface,
    path: string,
    core: RequestCore,
    options: HandlerOptions<IncomingCall>,
  ) {
    super(call)
    this.#timeLeft = timeLeft(call)
    this.#incoming = { path, getPeer: () => call.getPeer(), getAuthContext: () => call.getAuthContext() }
    this.#core = core
    this.#errors = core.settings.errors
    this.#options = options
    const send = call.sendStatus.bind(call)
    // Replaced on the object itself: when grpc-js ends a call of its own accord, it bypasses interceptors.
    call.sendStatus = (sent) => {
      send({ ...sent, metadata: this.#trailers(sent.metadata) })
      this.#finish((request) => endOf(request, sent, this.#answered))
    }
  }

  override start(listener: Listener): void {
    this.#errors.run(() => this.#findPhase(listener))
    super.start({
      onReceiveMetadata: (metadata) => this.#receive(metadata, listener),
      onReceiveMessage: (message) => this.#run(() => listener.onReceiveMessage(message)),
      onReceiveHalfClose: () => this.#run(() => listener.onReceiveHalfClose()),
      // Called after every end, not only after a cancellation: if a status was sent, that has decided.
      onCancel: () => {
        this.#finish(() => ({ outcome: 'aborted', status: status.CANCELLED }))
        this.#run(() => listener.onCancel())
      },
    })
  }

  // The first message is asked for once the interceptors after this one are done. Where grpc-js hides its listeners,
  // this alone shows it.
  override startRead(): void {
    this.#enterHandler()
    super.startRead()
  }

  // Not sent earlier than the handler does: once a client has received metadata, it does not retry the call.
  override sendMetadata(metadata: Metadata): void {
    this.#metadataSent = true
    super.sendMetadata(this.#withTraceId(metadata))
  }

  override sendStatus(sent: Status): void {
    this.#answered = true
    super.sendStatus(sent)
  }

  #findPhase(listener: Listener): void {
    const last = lastListener(listener)
    this.#hasPhase = last !== listener || !isPlainObject(listener)
    if (this.#hasPhase && isPlainObject(last)) onMetadata(last, () => this.#enterHandler())
  }

  #receive(metadata: Metadata, listener: Listener): void {
    const incoming: IncomingCall = { ...this.#incoming, metadata }
    const target = { method: 'grpc', path: incoming.path, source: incoming, timeLeft: this.#timeLeft }
    this.#request = this.#errors.run(() => acceptWith(this.#core, this.#options, metadata, target))
    const serve = (allowed: boolean): void => {
      if (allowed) this.#run(() => listener.onReceiveMetadata(metadata))
      else this.sendStatus({ code: status.UNAUTHENTICATED, details: 'Unauthorized' })
    }
    const allowed = authenticate(this.#core, this.#request, incoming, this.#options, {
      refusal: status.UNAUTHENTICATED,
      hasPhase: this.#hasPhase,
    })
    if (typeof allowed === 'boolean') serve(allowed)
    else void allowed.then(serve)
  }

  #enterHandler(): void {
    if (this.#request === undefined || !this.#hasPhase || this.#entered) return
    this.#entered = true
    enterHandler(this.#request)
  }

  #run(part: () => void): void {
    runFor(this.#request, part)
  }

  /** A handler may pass on what another service answered: the trace id is this call's, and is sent once. */
  #withTraceId(metadata: Metadata): Metadata {
    const { traceId } = this.#request ?? {}
    if (traceId === undefined) return metadata
    return this.#change(metadata, (echo) => ({ headers: echo.map((name) => [name, traceId] as const), dropped: [] }))
  }

  #trailers(metadata: Metadata | null | undefined): Metadata | null {
    if (!this.#metadataSent) return this.#withTraceId(metadata ?? new Metadata())
    return metadata ? this.#change(metadata, (echo) => ({ headers: [], dropped: echo })) : null
  }

  #change(metadata: Metadata, changesFor: (echo: readonly string[]) => HeaderChanges): Metadata {
    const { settings } = this.#core
    return this.#errors.run(() => withTraceHeaders(metadata, changesFor(settings.idHeaders.echo))) ?? metadata
  }

  #finish(endFor: (request: TrackedRequest) => RequestEnd): void {
    const request = this.#request
    if (request === undefined || this.#ended) return
    this.#ended = true
    request.finish(() => endFor(request))
  }
}

/** Milliseconds until the client's deadline; undefined if it has none. */
function timeLeft(call: ServerInterceptingCallInterface): number | undefined {
  const left = Number(call.getDeadline()) - Date.now()
  return Number.isFinite(left) ? left : undefined
}
