import type { Transform } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { decompressZstd } from './zstd.ts'

/** How a log is compressed. */
export type Compression = 'gzip' | 'zstd'

/** How many of a file's first bytes are needed to detect its compression. */
export const HEAD_BYTES = 4

/**
 * Detects compression by the first {@link HEAD_BYTES} of a file. Two bytes are enough if the file has no more.
 *
 * @returns undefined for plain bytes
 */
export function detectCompression(head: Uint8Array): Compression | undefined {
  const startsWith = (...magic: readonly number[]): boolean =>
    head.length >= 2 && magic.every((byte, at) => at >= head.length || head[at] === byte)
  if (startsWith(0x1f, 0x8b)) return 'gzip'
  if (startsWith(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  // The file may start with a skippable frame, which has one of 16 magic numbers. Some tools keep an index in it.
  const [first = 0] = head
  return (first & 0xf0) === 0x50 && startsWith(first, 0x2a, 0x4d, 0x18) ? 'zstd' : undefined
}

/**
 * Decompresses a stream of gzip (any number of members, with zeros after them) or zstd (any number of frames), which it
 * detects by the first bytes. Other streams are passed through.
 *
 * A stream that ends too early, like a file that is still being written, yields everything that can be decompressed. A
 * corrupted one yields everything up to the corruption.
 *
 * @param onDamage called once with the reason, if something was decompressed before the corruption
 * @throws the decompressor's error if nothing was
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  onDamage: (reason: string) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  // A pipe may deliver its bytes one by one.
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    head = Buffer.concat([head, next.value])
    if (head.length >= HEAD_BYTES) break
  }
  const whole = prepend(head, chunks)
  const compression = detectCompression(head)
  if (compression === undefined) yield* whole
  else yield* untilCorrupt(compression === 'gzip' ? gunzip(whole) : decompressZstd(whole, pipeThrough), onDamage)
}

async function* prepend(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  } finally {
    await chunks.return?.()
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // With this flag an early end is not an error, which would discard the last bytes.
  const gunzip = (): Transform => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  const firstChunks: Uint8Array[] = []
  let yielded = false
  async function* recorded(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (!yielded) firstChunks.push(chunk)
      yield chunk
    }
  }
  try {
    for await (const chunk of pipeThrough(gunzip(), recorded())) {
      yielded = true
      firstChunks.length = 0
      yield chunk
    }
  } catch (error) {
    if (yielded || !isCorruption(error)) throw error
    // The output of a failing chunk is lost. Byte by byte, a short log keeps everything up to the corruption.
    yield* pipeThrough(gunzip(), byteByByte(firstChunks))
  }
}

async function* byteByByte(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += 1) yield await Promise.resolve(chunk.subarray(at, at + 1))
}

/** If nothing could be decompressed, the bytes are probably not what their first bytes suggest: that is an error. */
async function* untilCorrupt(
  bytes: AsyncIterable<Uint8Array>,
  onDamage: (reason: string) => void,
): AsyncGenerator<Uint8Array> {
  let yielded = false
  try {
    for await (const chunk of bytes) {
      yielded ||= chunk.length > 0
      yield chunk
    }
  } catch (error) {
    if (!yielded || !isCorruption(error)) throw error
    onDamage(error.message)
  }
}

/** Whether the bytes could not be decompressed, as opposed to not being readable. */
export function isCorruption(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(?:Z_DATA_ERROR|ZSTD_)/.test(String(error.code))
}

/** Written to a transform at once. It may expand to a thousand times as many bytes, which are kept in memory. */
const PIECE_BYTES = 16_384

/** Pipes bytes through a transform and yields its whole output, up to where it fails. */
async function* pipeThrough(transform: Transform, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A failing stream discards its read buffer, so chunks are collected as they are produced.
  const output: Uint8Array[] = []
  transform.on('data', (chunk: Buffer) => output.push(chunk))
  let onClosed = (): void => undefined
  transform.on('error', () => onClosed()).on('close', () => onClosed())
  /** Waits until an operation calls back, or the transform is closed. */
  const finished = (operation: (callback: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      onClosed = resolve
      operation(resolve)
    })
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length && !transform.destroyed; at += PIECE_BYTES) {
        await finished((written) => transform.write(chunk.subarray(at, at + PIECE_BYTES), () => written()))
        yield* output.splice(0)
      }
      if (transform.destroyed) break
    }
    if (!transform.destroyed) await finished(() => transform.end())
    yield* output.splice(0)
  } finally {
    // The reader may have stopped early.
    transform.destroy()
  }
  if (transform.errored !== null) throw transform.errored
}
