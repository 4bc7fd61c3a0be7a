/** A gRPC server and its client in one process, which aborts in the third call. Argument: the destination. */
import { Client, credentials, Metadata, Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import { trackRequest } from '../../../src/adapters/grpc.ts'
import { createTrackerFor, parseDestination } from './_destinations.ts'
import { MarkWriter } from './_mark-writer.ts'

const tracker = createTrackerFor('api', parseDestination(process.argv[2]))
const { mark } = new MarkWriter()
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
  { call: { path: '/test.Crashing/call', ...streams, ...codecs } },
  {
    call: (call: { readonly request: string }, reply: sendUnaryData<string>) => {
      mark('started', call.request)
      if (call.request === 'crashing') process.abort()
      reply(null, 'served')
    },
  },
)

/** Calls the server with this trace id. */
function callServer(client: Client, id: string): Promise<void> {
  const metadata = new Metadata()
  metadata.set('x-trace-id', id)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/test.Crashing/call', write, read, id, metadata, (error) =>
      error === null ? resolve() : reject(error),
    )
  })
}

async function run(port: number): Promise<void> {
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure())
  for (const id of ['served-1', 'served-2', 'crashing']) await callServer(client, id)
}

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => process.send?.(port))
process.on('message', (port) => void run(Number(port)))
