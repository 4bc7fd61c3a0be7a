import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'

interface HttpResponse {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Makes one request over a new connection. */
export async function ask2(
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<HttpResponse> {
  const client = connect(url)
  try {
    return await send(client, options)
  } finally {
    client.close()
  }
}

/**
 * Cancels a stream, and then makes a request on the same connection.
 *
 * @param when when the stream is cancelled; by default after its first bytes
 */
export async function cancel2(url: string, when?: Promise<unknown>): Promise<HttpResponse> {
  const client = connect(url)
  try {
    const stream = client.request({ ':path': '/' })
    stream.on('error', () => undefined)
    await (when ?? once(stream, 'data'))
    stream.close(constants.NGHTTP2_CANCEL)
    return await send(client, {})
  } finally {
    client.close()
  }
}

async function send(
  client: ClientHttp2Session,
  { headers, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
): Promise<HttpResponse> {
  const stream = client.request({
    ':path': '/',
    ':method': body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { 'content-type': 'text/plain' }),
    ...headers,
  })
  const head = once(stream, 'response') as Promise<[IncomingHttpHeaders]>
  stream.end(body)
  const [headersReceived] = await head
  return { headers: headersReceived, body: await text(stream) }
}
