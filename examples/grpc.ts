/**
 * Two gRPC services on loopback: the shop calls the catalog, and the lines of both have one trace id.
 *
 *   npx tsx examples/grpc.ts
 */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
  type MethodDefinition,
} from '@grpc/grpc-js'
import { propagate, trackRequest } from 'throughline/grpc'

interface ProductRequest {
  readonly sku: string
}

interface Product {
  readonly sku: string
  readonly name: string
}

/** A method with JSON messages: what protoc or proto-loader would generate from a .proto file. */
function method(path: string): MethodDefinition<ProductRequest, Product> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: write,
    requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as ProductRequest, // Written by `write` on the other side.
    responseSerialize: write,
    responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Product,
  }
}

function write(message: ProductRequest | Product): Buffer {
  return Buffer.from(JSON.stringify(message))
}

const describe = method('/catalog.Catalog/Describe')
const show = method('/shop.Shop/Show')

// The catalog checks its callers' token; without it a call is rejected before the handler runs.
const catalog = new Server({
  interceptors: [
    trackRequest({
      service: 'catalog',
      authenticate: ({ metadata }) => metadata.get('authorization')[0] === 'shop-token',
    }),
  ],
})
const names = new Map([
  ['p1', 'a pot'],
  ['p2', 'a pan'],
])
const describeProduct: handleUnaryCall<ProductRequest, Product> = (call, callback) => {
  const { sku } = call.request
  const name = names.get(sku)
  if (name === undefined) callback({ code: status.NOT_FOUND, details: `no product ${sku}` })
  else callback(null, { sku, name })
}
catalog.addService({ describe }, { describe: describeProduct })
const catalogClient = new Client(await listen(catalog), credentials.createInsecure(), { interceptors: [propagate()] })

// The shop calls the catalog; propagate() adds the current request to the metadata.
const shop = new Server({ interceptors: [trackRequest({ service: 'shop' })] })
const showProduct: handleUnaryCall<ProductRequest, Product> = (call, callback) => {
  const metadata = new Metadata()
  metadata.set('authorization', 'shop-token')
  catalogClient.makeUnaryRequest(describe.path, write, describe.responseDeserialize, call.request, metadata, callback)
}
shop.addService({ show }, { show: showProduct })
const shopClient = new Client(await listen(shop), credentials.createInsecure())

for (const sku of ['p1', 'p2', 'p3']) console.error(await requestProduct(sku))
for (const client of [shopClient, catalogClient]) client.close()
for (const server of [shop, catalog]) server.forceShutdown()

/** Calls the shop, and returns its answer with the trace id of the response. */
function requestProduct(sku: string): Promise<string> {
  return new Promise((resolve) => {
    let traceId: unknown
    const call = shopClient.makeUnaryRequest(show.path, write, show.responseDeserialize, { sku }, (error, product) => {
      resolve(error === null ? `${product?.name ?? 'nothing'} (trace ${String(traceId)})` : error.message)
    })
    call.on('metadata', (metadata: Metadata) => ([traceId] = metadata.get('x-trace-id')))
  })
}

/** Starts a server on a free loopback port and returns its address. */
function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    )
  })
}
