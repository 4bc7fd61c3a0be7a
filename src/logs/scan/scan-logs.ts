import type { RecordBlock } from '../../record/record-batch.ts'
import { openLog, unreadableLog, type LogOptions } from '../files/open.ts'
import { openLogs, type OpenLogs } from '../files/open-all.ts'
import { SCAN_BLOCK_BYTES, fileBlocks } from './file-blocks.ts'
import { mergeByTime, LogStream, type LogBlock } from './stream-source.ts'
import type { ScannedBlock } from './scan-lines.ts'
import { ScanPool } from './scan-pool.ts'

export interface ScanOptions extends LogOptions {
  /** Threads beside this one; by default one for each core, once it pays to start them. */
  readonly threads?: number
  /** How much is read at one go: 4 MiB unless told. */
  readonly blockBytes?: number
  /** Told after each block how many bytes of plain files have been read, and how many there are. */
  readonly onProgress?: (bytes: number, total: number) => void
}

/**
 * Reads log files into blocks of records, over all cores, files together in order of time.
 *
 * All files are opened at once and read through these handles, even if they are renamed or replaced meanwhile; large
 * ones are read in pieces. The memory of a block is used again once the next one is asked for.
 */
export class LogScan {
  readonly #logs: OpenLogs
  readonly #options: ScanOptions

  /**
   * @param names as {@link resolveFiles} gives them; `-` is standard input
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be opened
   */
  constructor(names: readonly string[], options: ScanOptions = {}) {
    this.#logs = openLogs(names)
    this.#options = options
  }

  /** Whether the logs can be read more than once. */
  get rereadable(): boolean {
    return this.#logs.streams.every(({ fd }) => fd !== undefined)
  }

  /** @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be read */
  async *blocks(): AsyncGenerator<RecordBlock> {
    const { blockBytes = SCAN_BLOCK_BYTES, threads, onProgress } = this.#options
    const { plain, streams, size } = this.#logs
    const files = plain.flatMap(({ name, fd }) => fileBlocks(fd, name, blockBytes))
    const rest = streams.map(
      ({ name, fd }) => new LogStream(name, () => openLog(name, this.#options, fd), fd !== undefined, blockBytes),
    )
    const pool = new ScanPool(size, threads)
    let bytes = 0
    try {
      for await (const { block, scanned } of scanAhead(pool, mergeByTime(files, rest))) {
        const { file, index, startTime } = block
        yield { ...scanned, file, index, startTime }
        pool.release(scanned)
        bytes += 'fd' in block.from ? block.size : 0
        onProgress?.(bytes, size)
      }
    } finally {
      await pool.close()
    }
  }

  close(): void {
    this.#logs.close()
  }
}

interface Scanned {
  readonly block: LogBlock
  readonly scanned: ScannedBlock
}

/** Scans blocks ahead of their being asked for, and gives them in their order. */
async function* scanAhead(pool: ScanPool, blocks: AsyncIterable<LogBlock>): AsyncGenerator<Scanned> {
  const ahead: { block: LogBlock; scanning: Promise<ScannedBlock> }[] = []
  const first = async (): Promise<Scanned | undefined> => {
    const next = ahead.shift()
    if (next === undefined) return undefined
    try {
      return { block: next.block, scanned: await next.scanning }
    } catch (error) {
      throw unreadableLog(next.block.file, error)
    }
  }
  for await (const block of blocks) {
    const scanning = pool.scan({ from: block.from, first: block.index === 0 }, block.size)
    // One that fails is told when its turn comes.
    scanning.catch(() => undefined)
    ahead.push({ block, scanning })
    if (ahead.length < pool.lookahead) continue
    const done = await first()
    if (done !== undefined) yield done
  }
  for (let done = await first(); done !== undefined; done = await first()) yield done
}
