import type { Transform } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { decompressZstd } from './zstd.ts'

/** How the bytes of a log are packed. */
export type Compression = 'gzip' | 'zstd'

/** Enough of a file's first bytes to tell how it is packed. */
export const HEAD_BYTES = 4

/**
 * How bytes are packed, as the first {@link HEAD_BYTES} of them tell; two are enough where there are no more.
 *
 * @returns undefined for plain bytes
 */
export function detectCompression(head: Uint8Array): Compression | undefined {
  const begins = (...magic: readonly number[]): boolean =>
    head.length >= 2 && magic.every((byte, at) => at >= head.length || head[at] === byte)
  if (begins(0x1f, 0x8b)) return 'gzip'
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  // A frame to skip may stand first, with any of 16 numbers: block-wise packers write their index into one.
  const [first = 0] = head
  return (first & 0xf0) === 0x50 && begins(first, 0x2a, 0x4d, 0x18) ? 'zstd' : undefined
}

/**
 * The bytes of a stream, unpacked where it is gzip (any number of members, zeros after them) or zstd (any number of
 * frames), which its first bytes tell.
 *
 * A stream that ends too soon, as a file does while it is written, gives what can be had. One that is damaged gives what
 * stands before.
 *
 * @param onDamage called once, with a reason, where something was unpacked before the damage
 * @throws the unpacker's error where nothing was
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  onDamage: (reason: string) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  // A pipe may give its bytes one by one.
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    head = Buffer.concat([head, next.value])
    if (head.length >= HEAD_BYTES) break
  }
  const whole = prepend(head, chunks)
  const packing = detectCompression(head)
  if (packing === undefined) yield* whole
  else yield* untilCorrupt(packing === 'gzip' ? gunzip(whole) : decompressZstd(whole, pipeThrough), onDamage)
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
  // A file that is being written ends in the middle: with this that is no error, which would take the last bytes with it.
  const gunzip = (): Transform => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  const begin: Uint8Array[] = []
  let given = false
  async function* remembered(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (!given) begin.push(chunk)
      yield chunk
    }
  }
  try {
    for await (const chunk of pipeThrough(gunzip(), remembered())) {
      given = true
      begin.length = 0
      yield chunk
    }
  } catch (error) {
    if (given || !isCorruption(error)) throw error
    // What it makes of a piece is lost where the piece fails: byte by byte a short log loses nothing that was whole.
    yield* pipeThrough(gunzip(), byteByByte(begin))
  }
}

async function* byteByByte(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += 1) yield await Promise.resolve(piece.subarray(at, at + 1))
}

/** Where something was whole the rest is damage. Where nothing was, it never was what its first bytes say. */
async function* untilCorrupt(
  bytes: AsyncIterable<Uint8Array>,
  onDamage: (reason: string) => void,
): AsyncGenerator<Uint8Array> {
  let given = false
  try {
    for await (const chunk of bytes) {
      given ||= chunk.length > 0
      yield chunk
    }
  } catch (error) {
    if (!given || !isCorruption(error)) throw error
    onDamage(error.message)
  }
}

/** Whether bytes could not be unpacked; a disk that cannot be read is another matter. */
export function isCorruption(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(?:Z_DATA_ERROR|ZSTD_)/.test(String(error.code))
}

/** As much as a transform is given at once: of the best packed bytes it makes a thousand times as many, which wait in memory. */
const PIECE_BYTES = 16_384

/** Runs bytes through a transform, and gives all that it makes of them, also of those before it fails. */
async function* pipeThrough(transform: Transform, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // What a stream holds back for its reader it throws away where it fails: this one never has to.
  const made: Uint8Array[] = []
  transform.on('data', (chunk: Buffer) => made.push(chunk))
  let over = (): void => undefined
  transform.on('error', () => over()).on('close', () => over())
  /** Waits until what is begun is done, or the transform is no more. */
  const done = (begin: (end: () => void) => void): Promise<void> =>
    new Promise((end) => {
      over = end
      begin(end)
    })
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length && !transform.destroyed; at += PIECE_BYTES) {
        await done((taken) => transform.write(chunk.subarray(at, at + PIECE_BYTES), () => taken()))
        yield* made.splice(0)
      }
      if (transform.destroyed) break
    }
    if (!transform.destroyed) await done(() => transform.end())
    yield* made.splice(0)
  } finally {
    // A reader that has seen enough leaves nothing behind that holds the file.
    transform.destroy()
  }
  if (transform.errored !== null) throw transform.errored
}
