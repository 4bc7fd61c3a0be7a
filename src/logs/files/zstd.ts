import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { errorMessage } from '../../errors.ts'
import { ByteReader } from './byte-reader.ts'

/** Missing in the types of Node 20: it was added in 22.15 and 23.8. */
const { createZstdDecompress } = zlib as typeof zlib & {
  readonly createZstdDecompress?: (options: { finishFlush: number }) => Transform
}

/** The flag `ZSTD_e_continue`. With it, a frame that ends too early is not an error. */
const ZSTD_CONTINUE = 0

/** A frame header may demand any amount of memory. Other tools have the same limit by default. */
const MAX_WINDOW_BYTES = 2 ** 27
/** The format's limit for a block, compressed or not. */
const MAX_BLOCK_BYTES = 2 ** 17
const CHECKSUM_BYTES = 4

/** The header of a frame, or one of its blocks. */
interface Part {
  readonly bytes: Buffer
  readonly last: boolean
  /** Not in the stream: it closes a frame that ends too early. */
  readonly synthetic?: true
}

/**
 * Decompresses zstd frame by frame, because Node's decompressor stops after the first frame or loses what follows it.
 *
 * Skippable frames and zeros after the last frame are skipped. A stream that ends too early yields its whole blocks.
 *
 * @param through pipes bytes through a transform stream
 * @throws an error whose code starts with `ZSTD_` if the bytes are corrupted or cannot be decompressed
 * @see https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames
 */
export async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
  through: (transform: Transform, bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source)
  try {
    for (let magic = await reader.read(4); magic.length === 4; magic = await reader.read(4)) {
      const number = magic.readUInt32LE()
      if (number === 0) return
      if (number >>> 4 === 0x0184d2a5) await skipFrame(reader)
      else if (number !== 0xfd2fb528) throw corrupted('a frame header is expected and missing')
      else if (createZstdDecompress === undefined) yield* withFzstd(partsOf(reader, magic))
      else yield* through(createZstdDecompress({ finishFlush: ZSTD_CONTINUE }), bytesOf(partsOf(reader, magic)))
    }
  } finally {
    await reader.close()
  }
}

async function skipFrame(reader: ByteReader): Promise<void> {
  const size = await reader.read(4)
  if (size.length === 4) await reader.skip(size.readUInt32LE())
}

/** The header and blocks of the frame that starts with `magic`. If the stream ends too early, those that are whole. */
async function* partsOf(reader: ByteReader, magic: Buffer): AsyncGenerator<Part> {
  const [descriptor] = await reader.read(1)
  if (descriptor === undefined) return
  const single = (descriptor >> 5) & 1
  const [windowBytes, dictionaryBytes] = [1 - single, [0, 1, 2, 4][descriptor & 3] ?? 0]
  const sizeBytes = descriptor >> 6 === 0 ? single : 1 << (descriptor >> 6)
  const rest = await reader.read(windowBytes + dictionaryBytes + sizeBytes)
  if (rest.length < windowBytes + dictionaryBytes + sizeBytes) return
  const dictionary = rest.subarray(windowBytes, windowBytes + dictionaryBytes)
  const contentSize = rest.subarray(windowBytes + dictionaryBytes)
  if (dictionary.some((byte) => byte !== 0)) throw corrupted('it was compressed with a dictionary')
  if ((single === 1 ? littleEndian(contentSize) : windowOf(rest[0] ?? 0)) > MAX_WINDOW_BYTES) {
    throw corrupted(`it needs more than ${MAX_WINDOW_BYTES / 2 ** 20} MB of memory`)
  }
  yield { bytes: Buffer.concat([magic, Buffer.of(descriptor), rest]), last: false }
  const checksumBytes = (descriptor & 4) === 0 ? 0 : CHECKSUM_BYTES
  const endOfFrame: Part = {
    bytes: Buffer.from([1, 0, 0, 0, 0, 0, 0]).subarray(0, 3 + checksumBytes),
    last: true,
    synthetic: true,
  }
  for (let last = false; !last;) {
    const head = await reader.read(3)
    const header = head.length < 3 ? 0 : head.readUIntLE(0, 3)
    const [size, type] = [header >> 3, (header >> 1) & 3]
    if (type === 3 || size > MAX_BLOCK_BYTES) throw corrupted('a block header is expected and missing')
    last = (header & 1) === 1
    // A block of one repeated byte (RLE) takes one byte.
    const bytes = (type === 1 ? 1 : size) + (last ? checksumBytes : 0)
    const body = await reader.read(bytes)
    if (head.length < 3 || body.length < bytes) {
      yield endOfFrame
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
  for await (const { bytes, synthetic } of parts) if (synthetic !== true) yield bytes
}

/** fzstd holds back the first bytes of a frame until there are many of them, or the frame is closed. */
async function* withFzstd(parts: AsyncIterable<Part>): AsyncGenerator<Uint8Array> {
  // Loaded only if Node has no zstd and a log needs it.
  const { Decompress } = await import('fzstd')
  const output: Uint8Array[] = []
  const decoder = new Decompress((bytes) => output.push(bytes))
  for await (const { bytes, last } of parts) {
    try {
      decoder.push(bytes, last)
    } catch (error) {
      throw corrupted(errorMessage(error))
    }
    yield* output.splice(0)
  }
}

function corrupted(reason: string): Error {
  return Object.assign(new Error(reason), { code: 'ZSTD_DAMAGED' })
}
