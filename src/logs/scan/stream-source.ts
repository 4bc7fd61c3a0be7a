import { firstTime, byStartTime, type BlockBytes, type FileBlock } from './file-blocks.ts'
import type { ScanJob } from './scan-worker.ts'
import { streamBlocks } from './stream-blocks.ts'

/** A part of a log: a part of a file that is still to be read, or bytes. */
export interface LogBlock extends Pick<FileBlock, 'file' | 'index' | 'size' | 'startTime'> {
  readonly from: ScanJob['from']
}

/** How many bytes of a compressed file are decompressed to find its first time. */
const PEEK_BYTES = 262_144

/** A log that can only be read from its start: it is compressed, or a pipe. */
export class StreamSource {
  readonly #file: string
  readonly #open: () => AsyncIterable<Uint8Array>
  /** Whether it can be opened twice, so that its first time can be read in advance. */
  readonly #rereadable: boolean
  readonly #blockBytes: number
  #blocks: AsyncIterator<BlockBytes> | undefined
  #head: LogBlock | undefined
  #index = 0
  /** The first time of the log, if it was read in advance; and that of the block before. */
  #peekedTime: number | undefined
  #previousTime = -Infinity

  constructor(file: string, open: () => AsyncIterable<Uint8Array>, rereadable: boolean, blockBytes: number) {
    this.#file = file
    this.#open = open
    this.#rereadable = rereadable
    this.#blockBytes = blockBytes
  }

  /** The time of the next block, in epoch milliseconds; Infinity after the last one. */
  async startTime(): Promise<number> {
    if (this.#head === undefined && this.#blocks === undefined && this.#rereadable)
      return (this.#peekedTime ??= await this.#peekTime())
    return (await this.#peekBlock())?.startTime ?? Infinity
  }

  /** The next block; undefined after the last one. */
  async next(): Promise<LogBlock | undefined> {
    const block = await this.#peekBlock()
    this.#head = undefined
    return block
  }

  async close(): Promise<void> {
    await this.#blocks?.return?.()
  }

  /** Reads the next block without removing it. */
  async #peekBlock(): Promise<LogBlock | undefined> {
    if (this.#head !== undefined) return this.#head
    this.#blocks ??= streamBlocks(this.#open(), this.#blockBytes)
    const next = await this.#blocks.next()
    if (next.done === true) return undefined
    const from = next.value
    const startTime = firstTime(from.bytes.subarray(0, Math.min(from.end, PEEK_BYTES)), true) ?? this.#previousTime
    this.#previousTime = startTime
    this.#head = { file: this.#file, index: this.#index, size: from.end - from.start, startTime, from }
    this.#index += 1
    return this.#head
  }

  /** Reads only the start, so that of many compressed files only a few are open streams at the same time. */
  async #peekTime(): Promise<number> {
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

/** The blocks of all logs in order of their first times. */
export async function* mergeByTime(
  plain: readonly FileBlock[],
  streams: readonly StreamSource[],
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
