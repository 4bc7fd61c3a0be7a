import { firstTime, byStartTime, type FileBlock } from './file-blocks.ts'
import type { BlockBytes } from './read-block.ts'
import type { ScanJob } from './scan-worker.ts'
import { streamBlocks } from './stream-blocks.ts'

/** A stretch of a log, read or not yet. */
export interface LogBlock extends Pick<FileBlock, 'file' | 'index' | 'size' | 'startTime'> {
  readonly from: ScanJob['from']
}

/** How far a packed file is unpacked to find its first time. */
const PEEK_BYTES = 262_144

/** A log that can only be read from its beginning: it is packed, or comes through a pipe. */
export class LogStream {
  readonly #file: string
  readonly #open: () => AsyncIterable<Uint8Array>
  /** Whether it may be opened once more, to look at its beginning. */
  readonly #rereadable: boolean
  readonly #blockBytes: number
  #blocks: AsyncIterator<BlockBytes> | undefined
  #head: LogBlock | undefined
  #index = 0
  /** The first time of all, where it was looked for; and that of the block before. */
  #peeked: number | undefined
  #before = -Infinity

  constructor(file: string, open: () => AsyncIterable<Uint8Array>, again: boolean, blockBytes: number) {
    this.#file = file
    this.#open = open
    this.#rereadable = again
    this.#blockBytes = blockBytes
  }

  /** The time of the block that comes next, in epoch milliseconds; Infinity after the last one. */
  async startTime(): Promise<number> {
    if (this.#head === undefined && this.#blocks === undefined && this.#rereadable)
      return (this.#peeked ??= await this.#peek())
    return (await this.#peekBlock())?.startTime ?? Infinity
  }

  /** The next block, if there is one. */
  async next(): Promise<LogBlock | undefined> {
    const block = await this.#peekBlock()
    this.#head = undefined
    return block
  }

  async close(): Promise<void> {
    await this.#blocks?.return?.()
  }

  /** The next block, which stays the next one until it is taken. */
  async #peekBlock(): Promise<LogBlock | undefined> {
    if (this.#head !== undefined) return this.#head
    this.#blocks ??= streamBlocks(this.#open(), this.#blockBytes)
    const next = await this.#blocks.next()
    if (next.done === true) return undefined
    const from = next.value
    const startTime = firstTime(from.bytes.subarray(0, Math.min(from.end, PEEK_BYTES)), true) ?? this.#before
    this.#before = startTime
    this.#head = { file: this.#file, index: this.#index, size: from.end - from.start, startTime, from }
    this.#index += 1
    return this.#head
  }

  /** Unpacks no more than the beginning: of many files only few need to be under way at the same time. */
  async #peek(): Promise<number> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of this.#open()) {
      chunks.push(Buffer.from(chunk))
      bytes += chunk.length
      if (bytes >= PEEK_BYTES) break
    }
    return firstTime(Buffer.concat(chunks), true) ?? -Infinity
  }
}

/** The blocks of all logs, the earliest first, as far as their first times tell. */
export async function* mergeByTime(
  plain: readonly FileBlock[],
  streams: readonly LogStream[],
): AsyncGenerator<LogBlock> {
  const files = byStartTime(plain)
  let open = await Promise.all(streams.map(async (stream) => ({ stream, startTime: await stream.startTime() })))
  try {
    for (let next = 0; next < files.length || open.length > 0;) {
      const file = files[next]
      const [earliest] = open.sort((a, b) => a.startTime - b.startTime)
      if (earliest === undefined || (file !== undefined && file.startTime <= earliest.startTime)) {
        if (file !== undefined) yield { ...file, from: file }
        next += 1
        continue
      }
      const block = await earliest.stream.next()
      if (block === undefined) {
        open = open.filter((other) => other !== earliest)
        continue
      }
      yield block
      earliest.startTime = await earliest.stream.startTime()
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.close()))
  }
}
