import { PassThrough, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

/**
 * The bytes of a stream, unpacked where it is gzip (of any number of members), which its first two bytes tell.
 *
 * A stream that ends too soon, as a file does while it is written, gives what can be had.
 *
 * @throws zlib's error where it begins like gzip and is none
 */
export async function* unpacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  // A pipe may give its bytes one by one.
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    head = Buffer.concat([head, next.value])
    if (head.length >= 2) break
  }
  const whole = joined(head, chunks)
  yield* head[0] === 0x1f && head[1] === 0x8b ? gunzipped(whole) : whole
}

async function* joined(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
}

async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A stream that fails throws away what it still held. This one is ended instead, and its failure looked at after.
  const plain = new PassThrough()
  const failures: NodeJS.ErrnoException[] = []
  const gunzip = createGunzip()
  gunzip.on('data', (chunk: Buffer) => {
    if (plain.write(chunk)) return
    gunzip.pause()
    plain.once('drain', () => gunzip.resume())
  })
  // The pipeline may have let go of the stream before it fails, and an error that nobody hears ends the process.
  gunzip.on('error', (error) => failures.push(error))
  pipeline(source, gunzip, (error) => {
    if (error) failures.push(error)
    plain.end()
  })
  let given = false
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    given = true
    yield chunk
  }
  const [failure] = failures
  if (failure === undefined || failure.code === 'Z_BUF_ERROR') return
  // Where something was whole the rest is damage. Where nothing was, it never was gzip.
  if (failure.code !== 'Z_DATA_ERROR' || !given) throw failure
}
