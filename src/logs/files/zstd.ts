import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { ByteReader } from './byte-reader.ts'

/** The types of Node 20 do not know it yet: it came with 22.15 and 23.8. */
const { createZstdDecompress } = zlib as typeof zlib & {
  readonly createZstdDecompress?: (options: { finishFlush: number }) => Transform
}

/** To go on: with this it is no error that a frame ends too soon. */
const ZSTD_CONTINUE = 0

/** What other tools unpack without being asked to: a header may demand any amount of memory. */
const MAX_WINDOW_BYTES = 2 ** 27
/** No block may be longer, packed or not. */
const MAX_BLOCK_BYTES = 2 ** 17
const CHECKSUM_BYTES = 4

/** A part of a frame that can be unpacked at once: its header, or a block. */
interface Part {
  readonly bytes: Buffer
  readonly last: boolean
  /** Not there: it closes a frame that ends too soon. */
  readonly madeUp?: true
}

/**
 * Unpacks zstd, frame by frame: unpackers of the platform stop after the first one, or lose what follows.
 *
 * Frames to skip are skipped, and so are zeros after the last frame. A stream that ends too soon gives its whole blocks.
 *
 * @param through how bytes run through a transform of Node's
 * @throws an error whose code begins with `ZSTD_` where the bytes are damaged, or cannot be unpacked
 * @see https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames
 */
export async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
  through: (transform: Transform, bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const pieces = new ByteReader(source)
  try {
    for (let magic = await pieces.read(4); magic.length === 4; magic = await pieces.read(4)) {
      const number = magic.readUInt32LE()
      if (number === 0) return
      if (number >>> 4 === 0x0184d2a5) await skipFrame(pieces)
      else if (number !== 0xfd2fb528) throw damaged('no frame begins where one must')
      else if (createZstdDecompress === undefined) yield* withFzstd(partsOf(pieces, magic))
      else yield* through(createZstdDecompress({ finishFlush: ZSTD_CONTINUE }), bytesOf(partsOf(pieces, magic)))
    }
  } finally {
    await pieces.close()
  }
}

async function skipFrame(pieces: ByteReader): Promise<void> {
  const size = await pieces.read(4)
  if (size.length === 4) await pieces.skip(size.readUInt32LE())
}

/** The parts of the frame that begins with `magic`; those that are whole, where the stream ends too soon. */
async function* partsOf(pieces: ByteReader, magic: Buffer): AsyncGenerator<Part> {
  const [descriptor] = await pieces.read(1)
  if (descriptor === undefined) return
  const single = (descriptor >> 5) & 1
  const [windowBytes, dictionaryBytes] = [1 - single, [0, 1, 2, 4][descriptor & 3] ?? 0]
  const sizeBytes = descriptor >> 6 === 0 ? single : 1 << (descriptor >> 6)
  const rest = await pieces.read(windowBytes + dictionaryBytes + sizeBytes)
  if (rest.length < windowBytes + dictionaryBytes + sizeBytes) return
  const dictionary = rest.subarray(windowBytes, windowBytes + dictionaryBytes)
  const contentSize = rest.subarray(windowBytes + dictionaryBytes)
  if (dictionary.some((byte) => byte !== 0)) throw damaged('it was packed with a dictionary')
  if ((single === 1 ? littleEndian(contentSize) : windowOf(rest[0] ?? 0)) > MAX_WINDOW_BYTES) {
    throw damaged(`it needs more than ${String(MAX_WINDOW_BYTES / 2 ** 20)} MB of memory`)
  }
  yield { bytes: Buffer.concat([magic, Buffer.of(descriptor), rest]), last: false }
  const checksumBytes = (descriptor & 4) === 0 ? 0 : CHECKSUM_BYTES
  const closing: Part = {
    bytes: Buffer.from([1, 0, 0, 0, 0, 0, 0]).subarray(0, 3 + checksumBytes),
    last: true,
    madeUp: true,
  }
  for (let last = false; !last;) {
    const head = await pieces.read(3)
    const header = head.length < 3 ? 0 : head.readUIntLE(0, 3)
    const [size, type] = [header >> 3, (header >> 1) & 3]
    if (type === 3 || size > MAX_BLOCK_BYTES) throw damaged('no block begins where one must')
    last = (header & 1) === 1
    // One byte that is repeated takes one byte, whatever its number.
    const bytes = (type === 1 ? 1 : size) + (last ? checksumBytes : 0)
    const body = await pieces.read(bytes)
    if (head.length < 3 || body.length < bytes) {
      yield closing
      return
    }
    yield { bytes: Buffer.concat([head, body]), last }
  }
}

function windowOf(byte: number): number {
  return 2 ** (10 + (byte >> 3)) * (1 + (byte & 7) / 8)
}

function littleEndian(bytes: Buffer): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, bytes.length === 2 ? 1 : 0)
}

async function* bytesOf(parts: AsyncIterable<Part>): AsyncGenerator<Uint8Array> {
  for await (const { bytes, madeUp } of parts) if (madeUp !== true) yield bytes
}

/** It keeps back a frame's first bytes until they are many, or the frame is closed. */
async function* withFzstd(parts: AsyncIterable<Part>): AsyncGenerator<Uint8Array> {
  // Only where the platform has no zstd, and a log is packed with it.
  const { Decompress } = await import('fzstd')
  const made: Uint8Array[] = []
  const decoder = new Decompress((bytes) => made.push(bytes))
  for await (const { bytes, last } of parts) {
    try {
      decoder.push(bytes, last)
    } catch (error) {
      throw damaged(error instanceof Error ? error.message : String(error))
    }
    yield* made.splice(0)
  }
}

function damaged(reason: string): Error {
  return Object.assign(new Error(reason), { code: 'ZSTD_DAMAGED' })
}
