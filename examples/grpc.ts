// Two gRPC services on the loopback: the shop asks the catalog, and the lines of both carry one trace id.
//
//   npx tsx examples/grpc.ts
import { Client, credentials, Metadata, Server, ServerCredentials, status, type handleUnaryCall, type MethodDefinition } from '@grpc/grpc-js'
import { currentRequest } from 'throughline'
import { propagate, trackRequest } from 'throughline/grpc'

interface Asked {
  readonly sku: string
}

interface Product {
  readonly sku: string
  readonly name: string
}

/** A method whose messages travel as JSON: what protoc or proto-loader would make of a .proto file. */
function method(path: string): MethodDefinition<Asked, Product> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: write,
    requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as Asked, // The other side wrote it with `write`.
    responseSerialize: write,
    responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Product,
  }
}

function write(message: Asked | Product): Buffer {
  return Buffer.from(JSON.stringify(message))
}

const describe = method('/catalog.Catalog/Describe')
const show = method('/shop.Shop/Show')

// The catalog knows its callers by a token; whoever has none is refused before the handler runs.
const catalog = new Server({
  interceptors: [trackRequest({ service: 'catalog', authenticate: ({ metadata }) => metadata.get('authorization')[0] === 'shop-token' })],
})
const names = new Map([['p1', 'a pot'], ['p2', 'a pan']])
const describeProduct: handleUnaryCall<Asked, Product> = (call, callback) => {
  const { sku } = call.request
  const name = names.get(sku)
  if (name === undefined) callback({ code: status.NOT_FOUND, details: `no product ${sku}` })
  else callback(null, { sku, name })
}
catalog.addService({ describe }, { describe: describeProduct })
const toCatalog = new Client(await listen(catalog), credentials.createInsecure(), { interceptors: [propagate()] })

// The shop passes the question on; propagate() sends the request in hand along.
const shop = new Server({ interceptors: [trackRequest({ service: 'shop' })] })
const showProduct: handleUnaryCall<Asked, Product> = (call, callback) => {
  currentRequest()?.processing()
  const metadata = new Metadata()
  metadata.set('authorization', 'shop-token')
  toCatalog.makeUnaryRequest(describe.path, write, describe.responseDeserialize, call.request, metadata, callback)
}
shop.addService({ show }, { show: showProduct })
const toShop = new Client(await listen(shop), credentials.createInsecure())

for (const sku of ['p1', 'p2', 'p3']) console.error(await ask(sku))
for (const end of [toShop, toCatalog]) end.close()
for (const server of [shop, catalog]) server.forceShutdown()

/** Asks the shop, and tells the answer with the trace id that came back with it. */
function ask(sku: string): Promise<string> {
  return new Promise((resolve) => {
    let traceId: unknown
    const call = toShop.makeUnaryRequest(show.path, write, show.responseDeserialize, { sku }, (error, product) => {
      resolve(error === null ? `${product?.name ?? 'nothing'} (trace ${String(traceId)})` : error.message)
    })
    call.on('metadata', (metadata: Metadata) => ([traceId] = metadata.get('x-trace-id')))
  })
}

/** Opens a server on a free port of the loopback, and gives its address. */
function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(`127.0.0.1:${port}`) : reject(error)))
  })
}
