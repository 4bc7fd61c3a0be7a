import { Client, credentials, Server, ServerCredentials, type handleUnaryCall, type MethodDefinition, type status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { propagate, trackRequest } from 'throughline/grpc'

/** The calls of storefront.proto: what each is asked, and what it answers. */
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

/** An error that the caller gets to see under its own code. */
export class RpcError extends Error {
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.code = code
  }
}

/** What serves a call; the signal fires when the caller has left. */
type Handler<Call> = Call extends [infer Asked, infer Answer] ? (asked: Asked, left: AbortSignal) => Answer | Promise<Answer> : never

const definitions = loadSync(fileURLToPath(new URL('storefront.proto', import.meta.url)))

/** The calls of a service by name; proto-loader has read them from the file, and TypeScript has not. */
function methodsOf(service: keyof Rpcs): Readonly<Record<string, MethodDefinition<object, object>>> {
  return definitions[`storefront.${service}`] as Readonly<Record<string, MethodDefinition<object, object>>>
}

/**
 * Serves a service of storefront.proto on a free port, every call tracked.
 *
 * @returns its address, and what ends it
 */
export async function serve<S extends keyof Rpcs>(
  service: S,
  options: { service: string; logger: Logger },
  handlers: { readonly [M in keyof Rpcs[S]]: Handler<Rpcs[S][M]> },
): Promise<{ address: string; close: () => void }> {
  const server = new Server({ interceptors: [trackRequest(options)] })
  // The mapped type above has checked them one by one; gRPC wants them all alike.
  const entries = Object.entries(handlers as Readonly<Record<string, (asked: object, left: AbortSignal) => unknown>>)
  server.addService(methodsOf(service), Object.fromEntries(entries.map(([name, handler]) => [name, unary(handler)])))
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() }
}

function unary(handler: (asked: object, left: AbortSignal) => unknown): handleUnaryCall<object, object> {
  return (call, callback) => {
    const left = new AbortController()
    call.on('cancelled', () => left.abort())
    // A rejection that gRPC does not hear of would end the process.
    Promise.resolve()
      .then(() => handler(call.request, left.signal))
      .then(
        (answer) => callback(null, answer as object),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      )
  }
}

/** Calls a service of storefront.proto; the trace goes along. */
export function client<S extends keyof Rpcs>(service: S, address: string) {
  const channel = new Client(address, credentials.createInsecure(), { interceptors: [propagate()] })
  const methods = methodsOf(service)
  return <M extends keyof Rpcs[S] & string>(method: M, asked: First<Rpcs[S][M]>, left?: AbortSignal): Promise<Second<Rpcs[S][M]>> => {
    const definition = methods[method]
    if (definition === undefined) throw new TypeError(`storefront.proto has no ${service}.${method}`)
    const { path, requestSerialize, responseDeserialize } = definition
    return new Promise((resolve, reject) => {
      const call = channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, asked, (error, answer) => {
        if (error !== null) reject(error)
        // What the definition reads from the wire is what storefront.proto says that it is.
        else resolve(answer as Second<Rpcs[S][M]>)
      })
      left?.addEventListener('abort', () => call.cancel(), { once: true })
    })
  }
}

type First<Call> = Call extends [infer Asked extends object, unknown] ? Asked : never
type Second<Call> = Call extends [unknown, infer Answer] ? Answer : never
