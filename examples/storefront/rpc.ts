import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type MethodDefinition,
  type status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { propagate, trackRequest } from 'throughline/grpc'

/** The calls of storefront.proto, each with its request and its response. */
export interface Rpcs {
  Auth: { Verify: [{ token: string }, { name: string }] }
  Catalog: { GetProduct: [{ sku: string }, Product]; GetStock: [{ sku: string }, { inStock: number }] }
}

/** One product, as the catalog describes it. */
export interface Product {
  readonly sku: string
  readonly name: string
  readonly cents: number
  readonly material: string
}

/** An error that is returned to the caller with this status code. */
export class RpcError extends Error {
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.code = code
  }
}

/** Handles a call. The signal aborts when the caller cancels. */
type Handler<Call> = Call extends [infer Req, infer Res]
  ? (request: Req, signal: AbortSignal) => Res | Promise<Res>
  : never

const definitions = loadSync(fileURLToPath(new URL('storefront.proto', import.meta.url)))

/** The methods of a service by name. proto-loader read them from the file, so TypeScript does not know them. */
function methodsOf(service: keyof Rpcs): Readonly<Record<string, MethodDefinition<object, object>>> {
  return definitions[`storefront.${service}`] as Readonly<Record<string, MethodDefinition<object, object>>>
}

/**
 * Serves a service of storefront.proto on a free port, with every call tracked.
 *
 * @returns its address, and a function that stops it
 */
export async function serve<S extends keyof Rpcs>(
  service: S,
  options: { service: string; logger: Logger },
  handlers: { readonly [M in keyof Rpcs[S]]: Handler<Rpcs[S][M]> },
): Promise<{ address: string; close: () => void }> {
  const server = new Server({ interceptors: [trackRequest(options)] })
  // The mapped type above checked each handler; gRPC takes them with one common type.
  const entries = Object.entries(
    handlers as Readonly<Record<string, (request: object, signal: AbortSignal) => unknown>>,
  )
  server.addService(methodsOf(service), Object.fromEntries(entries.map(([name, handler]) => [name, unary(handler)])))
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() }
}

function unary(handler: (request: object, signal: AbortSignal) => unknown): handleUnaryCall<object, object> {
  return (call, callback) => {
    const controller = new AbortController()
    call.on('cancelled', () => controller.abort())
    // An unhandled rejection would end the process.
    Promise.resolve()
      .then(() => handler(call.request, controller.signal))
      .then(
        (response) => callback(null, response as object),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      )
  }
}

/** Creates a client of a service of storefront.proto, whose calls carry the trace. */
export function client<S extends keyof Rpcs>(service: S, address: string) {
  const channel = new Client(address, credentials.createInsecure(), { interceptors: [propagate()] })
  const methods = methodsOf(service)
  return <M extends keyof Rpcs[S] & string>(
    method: M,
    request: RequestOf<Rpcs[S][M]>,
    signal?: AbortSignal,
  ): Promise<ResponseOf<Rpcs[S][M]>> => {
    const definition = methods[method]
    if (definition === undefined) throw new TypeError(`storefront.proto has no ${service}.${method}`)
    const { path, requestSerialize, responseDeserialize } = definition
    return new Promise((resolve, reject) => {
      const call = channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
        if (error !== null) reject(error)
        // Deserialized by the definition from storefront.proto, so it has the declared type.
        else resolve(response as ResponseOf<Rpcs[S][M]>)
      })
      signal?.addEventListener('abort', () => call.cancel(), { once: true })
    })
  }
}

type RequestOf<Call> = Call extends [infer Req extends object, unknown] ? Req : never
type ResponseOf<Call> = Call extends [unknown, infer Res] ? Res : never
