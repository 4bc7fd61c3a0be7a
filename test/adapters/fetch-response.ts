import type { Answer } from './http-host.ts'

/** A web stream that pulls its chunks on demand. */
export function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
  })
}

/** An answer of a handler as a `Response`. */
export function responseOf({ status = 200, type, body = '' }: Answer): Response {
  const stream = typeof body === 'object' && body !== null ? streamOf(encoded(body)) : body
  return new Response([204, 304].includes(status) ? null : stream, {
    status,
    ...(type === undefined ? {} : { headers: { 'content-type': type } }),
  })
}

async function* encoded(parts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  for await (const part of parts) yield encoder.encode(part)
}
