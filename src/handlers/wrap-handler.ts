import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Duplex } from 'node:stream'
import { ThroughlineError } from '../errors.ts'
import type { RequestCore } from '../tracking/intake.ts'
import { handleFetch, type FetchHandler, type FetchHandlerOptions } from './fetch-handler.ts'
import { handleNode, type NodeHandler, type NodeHandlerOptions } from './node-handler.ts'
import { handleUpgrade, type UpgradeHandler } from './upgrade-handler.ts'
import { handleWork, type WorkOptions } from './function-handler.ts'

/** The method of a tracker needs no options; the function needs at least the service. */
type Options<Extra, Own> = unknown extends Extra ? [options?: Own] : [options: Extra & Own]

/** The shapes of handler that can be wrapped. */
export interface TrackRequest<Extra = unknown> {
  /** Any function with a `carrier`: a worker's job, resumed at Queued. The option also gives a function without arguments its right type. */
  <Args extends unknown[], R>(
    work: (...args: Args) => R,
    options: Extra & WorkOptions<Args> & { readonly carrier: unknown },
  ): (...args: Args) => R
  /** A handler of node:http, or of node:http2 with its compatible request and response. */
  <
    Req extends IncomingMessage | Http2ServerRequest = IncomingMessage,
    Res extends ServerResponse | Http2ServerResponse = ServerResponse,
  >(
    handler: NodeHandler<Req, Res>,
    ...options: Options<Extra, NodeHandlerOptions<Req>>
  ): (req: Req, res: Res) => void
  /** A handler of a server's `upgrade` event. */
  (
    handler: UpgradeHandler,
    ...options: Options<Extra, NodeHandlerOptions>
  ): (req: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** A fetch-style handler. */
  <Rest extends unknown[]>(
    handler: FetchHandler<Rest>,
    ...options: Options<Extra, FetchHandlerOptions>
  ): (request: Request, ...rest: Rest) => Promise<Response>
  /** Any other function: each call is a request of its own (a cron job). */
  <Args extends unknown[], R>(
    work: (...args: Args) => R,
    ...options: Options<Extra, WorkOptions<Args>>
  ): (...args: Args) => R
}

/** The options of all shapes: the arguments of each call decide its shape. */
export type AnyHandlerOptions = NodeHandlerOptions & FetchHandlerOptions & WorkOptions<unknown[]>

/** The one implementation under {@link trackRequest} and a tracker's own method. */
export function wrapHandler(
  core: RequestCore,
  handler: unknown,
  options: AnyHandlerOptions,
): (...args: unknown[]) => unknown {
  if (typeof handler !== 'function') {
    throw new ThroughlineError(
      'THROUGHLINE_BAD_OPTION',
      'trackRequest() takes a function first: (req, res), (Request) or a job',
    )
  }
  // One function serves every overload; the arguments of each call decide its shape.
  const call = handler as (...args: unknown[]) => unknown
  return (...args) => {
    const [first, second, third] = args
    if (options.carrier === undefined && isResponse(second)) {
      handleNode(core, call, options, first as IncomingMessage, second)
      return undefined
    }
    if (options.carrier === undefined && second instanceof Duplex && Buffer.isBuffer(third)) {
      handleUpgrade(core, call, options, first as IncomingMessage, second, third)
      return undefined
    }
    if (options.carrier === undefined && isFetchRequest(first)) {
      return handleFetch(core, call as FetchHandler, options, first, ...args.slice(1))
    }
    return handleWork(core, call, options, args)
  }
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
