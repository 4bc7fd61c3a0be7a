import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { RequestCore } from '../tracking/intake.ts'
import { badOptions, type OptionNames } from '../tracking/options.ts'
import { handleFetch, type FetchHandler, type FetchHandlerOptions } from './fetch-handler.ts'
import type { FetchAnswer } from './fetch-tracking.ts'
import { handleNode, type NodeHandler, type NodeHandlerOptions } from './node-handler.ts'
import { handleUpgrade, type UpgradeHandler } from './upgrade-handler.ts'
import { isHttp2Stream } from './http2-stream.ts'
import { handleStream, type StreamHandler, type StreamHandlerOptions } from './stream-handler.ts'
import { handleWork, WORK_OPTIONS, type WorkOptions } from './function-handler.ts'
import { HANDLER_OPTIONS } from './handler-options.ts'
import { noHandler } from './wrong-import.ts'

/** A tracker's method needs no options; the function needs at least the service. */
type Options<Extra, Own> = unknown extends Extra ? [options?: Own] : [options: Extra & Own]

/** The kinds of handlers that can be wrapped. */
export interface TrackRequest<Extra = unknown> {
  /**
   * Any function with a `carrier`, such as a queue's worker: resumes the request of its message. The option is also
   * what tells a function without parameters from a handler of node:http.
   */
  <Args extends unknown[], R>(
    work: (...args: Args) => R,
    options: Extra & WorkOptions<Args> & { readonly carrier: unknown },
  ): (...args: Args) => R
  /**
   * A handler of node:http, or of node:http2 through its compatibility API. A middleware of Connect also gets `next`.
   */
  <
    Req extends IncomingMessage | Http2ServerRequest = IncomingMessage,
    Res extends ServerResponse | Http2ServerResponse = ServerResponse,
    Rest extends [] | [next: (error?: unknown) => void] = [],
  >(
    handler: NodeHandler<Req, Res, Rest>,
    ...options: Options<Extra, NodeHandlerOptions<Req>>
  ): (req: Req, res: Res, ...rest: Rest) => void
  /** A handler of a server's `upgrade` event. */
  (
    handler: UpgradeHandler,
    ...options: Options<Extra, NodeHandlerOptions>
  ): (req: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** A handler of the `stream` event of a server of node:http2; the functions of its options get the headers. */
  (
    handler: StreamHandler,
    ...options: Options<Extra, StreamHandlerOptions>
  ): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void
  /** A fetch-style handler, which on Bun may return undefined. */
  <Rest extends unknown[], Answer extends FetchAnswer>(
    handler: FetchHandler<Rest, Answer>,
    ...options: Options<Extra, FetchHandlerOptions>
  ): (request: Request, ...rest: Rest) => Promise<Answer>
  /** Any other function, such as a cron job: each call is a request of its own. */
  <Args extends unknown[], R>(
    work: (...args: Args) => R,
    ...options: Options<Extra, WorkOptions<Args>>
  ): (...args: Args) => R
}

/** The options of all kinds of handlers: the arguments of each call decide its kind. */
export type AnyHandlerOptions = NodeHandlerOptions & StreamHandlerOptions & FetchHandlerOptions & WorkOptions<unknown[]>

/** The names of {@link AnyHandlerOptions}. */
export const ALL_HANDLER_OPTIONS: OptionNames<AnyHandlerOptions> = { ...HANDLER_OPTIONS, ...WORK_OPTIONS }

/** The implementation of {@link trackRequest} and of a tracker's method of that name. */
export function wrapHandler(
  core: RequestCore,
  handler: unknown,
  options: AnyHandlerOptions,
): (...args: unknown[]) => unknown {
  if (typeof handler !== 'function') throw noHandler(handler)
  if (options.carrier !== undefined && (options.authenticate ?? options.auth) !== undefined)
    throw badOptions(
      'options "authenticate" and "auth" have no effect with "carrier", which makes the handler one of messages: ' +
        'their sender was authenticated by the queue',
    )
  // One function serves all overloads; the arguments of each call decide the kind of handler.
  const call = handler as (...args: unknown[]) => unknown
  const wrapped = (...args: unknown[]): unknown => {
    const [first, second, third] = args
    if (options.carrier === undefined && isResponse(second)) {
      handleNode(core, call, options, first as IncomingMessage, second, ...args.slice(2))
      return undefined
    }
    if (options.carrier === undefined && second instanceof Duplex && Buffer.isBuffer(third)) {
      handleUpgrade(core, call, options, first as IncomingMessage, second, third)
      return undefined
    }
    if (options.carrier === undefined && isHttp2Stream(first)) {
      handleStream(core, call, options, first, second as IncomingHttpHeaders, Number(third))
      return undefined
    }
    if (options.carrier === undefined && isFetchRequest(first)) {
      return handleFetch(core, call as FetchHandler<unknown[], FetchAnswer>, options, first, ...args.slice(1))
    }
    return handleWork(core, call, options, args)
  }
  // Deno passes no request to a handler without parameters, and some schedulers look for a callback among them.
  return Object.defineProperty(wrapped, 'length', { value: Math.max(1, handler.length) })
}

function isResponse(value: unknown): value is ServerResponse {
  return typeof value === 'object' && value !== null && 'setHeader' in value && 'writableEnded' in value
}

function isFetchRequest(value: unknown): value is Request {
  return (
    typeof value === 'object' &&
    value !== null &&
    'headers' in value &&
    'url' in value &&
    'signal' in value &&
    'clone' in value
  )
}
