/** A server of gRPC and its client in one process: it answers two calls, and dies of the third. Called with a destination for its lines. */
import { Client, credentials, Metadata, Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import { trackRequest } from '../../../src/adapters/grpc.ts'
import { Marks } from './marks.ts'
import { destinationOf, trackerFor } from './tracker-for.ts'

const tracker = trackerFor('api', destinationOf(process.argv[2]))
const { mark } = new Marks()
const [write, read] = [(text: string): Buffer => Buffer.from(text), (bytes: Buffer): string => bytes.toString()]
const streams = { requestStream: false, responseStream: false }
const codecs = {
  requestSerialize: write,
  requestDeserialize: read,
  responseSerialize: write,
  responseDeserialize: read,
}

const server = new Server({ interceptors: [trackRequest({ tracker })] })
server.addService(
  { take: { path: '/test.Mortal/take', ...streams, ...codecs } },
  {
    take: (call: { readonly request: string }, reply: sendUnaryData<string>) => {
      mark('begin', call.request)
      if (call.request === 'deadly') process.abort()
      reply(null, 'served')
    },
  },
)

/** Calls the server under a trace id. */
function call(client: Client, id: string): Promise<void> {
  const metadata = new Metadata()
  metadata.set('x-trace-id', id)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/test.Mortal/take', write, read, id, metadata, (error) =>
      error === null ? resolve() : reject(error),
    )
  })
}

async function run(port: number): Promise<void> {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure())
  for (const id of ['served-1', 'served-2', 'deadly']) await call(client, id)
}

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => process.send?.(port))
process.on('message', (port) => void run(Number(port)))
