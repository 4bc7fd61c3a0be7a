import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'

interface Answered {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** One request over a connection of its own. */
export async function ask2(
  url: string,
  asking: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<Answered> {
  const client = connect(url)
  try {
    return await asked(client, asking)
  } finally {
    client.close()
  }
}

/**
 * Cancels a stream, and then asks on the same connection.
 *
 * @param when until which the first is waited for; by default its first bytes
 */
export async function cancel2(url: string, when?: Promise<unknown>): Promise<Answered> {
  const client = connect(url)
  try {
    const stream = client.request({ ':path': '/' })
    stream.on('error', () => undefined)
    await (when ?? once(stream, 'data'))
    stream.close(constants.NGHTTP2_CANCEL)
    return await asked(client, {})
  } finally {
    client.close()
  }
}

async function asked(
  client: ClientHttp2Session,
  { headers, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
): Promise<Answered> {
  const stream = client.request({
    ':path': '/',
    ':method': body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { 'content-type': 'text/plain' }),
    ...headers,
  })
  const head = once(stream, 'response') as Promise<[IncomingHttpHeaders]>
  stream.end(body)
  const [answer] = await head
  return { headers: answer, body: await text(stream) }
}
