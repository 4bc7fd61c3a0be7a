import { callId } from '../trace/call-id.ts'
import { inject, type Extracted, type TraceContext } from '../trace/carrier.ts'
import type { Received } from '../trace/received.ts'

/** The ids of a request, or of one delivery of it. */
export interface SpanInit {
  readonly traceId: string
  readonly requestId: string
  /** What came in: the parent, and the rest of the trace's context. */
  readonly extracted: Extracted
  /** The headers of a trace that came in, also where they are not trusted. */
  readonly received: Received | undefined
  readonly attempt?: number
}

/** A request as a span of its trace: its ids, its context, and the calls that it sends. */
export abstract class RequestSpan {
  readonly traceId: string
  readonly requestId: string
  readonly parentId: string | undefined
  /** The number of this delivery, 1, 2 …, on a resumed request. */
  readonly attempt: number | undefined
  /** @internal What came in under the names of our headers: what equals it was copied, and not set. */
  readonly received: Received | undefined
  abstract readonly state: string
  /** How many steps it has taken. */
  abstract readonly seq: number
  readonly #flags: number
  readonly #tracestate: string | undefined
  #calls: number

  /** @internal */
  constructor({ traceId, requestId, extracted, attempt, received }: SpanInit) {
    this.traceId = traceId
    this.requestId = requestId
    this.parentId = extracted.parentId
    this.attempt = attempt
    this.received = received
    this.#flags = extracted.flags
    this.#tracestate = extracted.tracestate
    this.#calls = 0
  }

  /** How many calls and child messages this request, or this attempt of it, has sent with its headers. */
  get calls(): number {
    return this.#calls
  }

  /** The place of the request in its trace, for what is no call: a comment in SQL, the message of its hand-off. */
  get context(): TraceContext {
    return this.#contextWith(this.requestId)
  }

  /**
   * The headers of one call: they propagate this trace, and their parent is this request with the number of the call in
   * the last three digits of its id. Call it once for each call, since each takes the next number.
   *
   * An id that does not end in `000` (from your `newRequestId`) is sent as it is.
   *
   * @example await fetch(url, { headers: request.headers() })
   */
  headers(): Record<string, string> {
    this.#calls += 1
    return inject(this.#contextWith(callId(this.requestId, this.attempt, this.#calls)))
  }

  /** What JSON and the console show of a request: its ids and where it is. */
  toJSON(): Record<string, unknown> {
    const { traceId, requestId, parentId, attempt, state, seq } = this
    return { traceId, requestId, parentId, attempt, state, seq }
  }

  /** @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON()
  }

  #contextWith(requestId: string): TraceContext {
    return { traceId: this.traceId, requestId, flags: this.#flags, tracestate: this.#tracestate }
  }
}
