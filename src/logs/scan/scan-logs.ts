import type { RecordBlock } from '../../record/record-batch.ts'
import { unreadableLog } from '../files/errors.ts'
import { openLog, type LogOptions, type OpenLogs } from '../files/open.ts'
import { SCAN_BLOCK_BYTES, fileBlocks } from './file-blocks.ts'
import type { ScannedBlock } from './scan-lines.ts'
import { ScanPool } from './scan-pool.ts'
import { mergeByTime, StreamSource, type LogBlock } from './stream-source.ts'

/** How logs are scanned. */
export interface ScanOptions extends LogOptions {
  /** Threads besides this one; by default one per core, if the logs are large enough. */
  readonly threads?: number
  /** How many bytes are read at once; by default 4 MiB. */
  readonly blockBytes?: number
  /** Whether blocks have facts about calls, which makes the scan slower. */
  readonly withCalls?: boolean
  /** Called after each block with the bytes of uncompressed files that have been read, and those of all files. */
  readonly onProgress?: (bytes: number, total: number) => void
}

/**
 * Reads open logs into blocks of records, on all cores, files together in order of time.
 *
 * The memory of a block is reused once the next block is requested.
 *
 * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE if a file cannot be read
 */
export async function* scanLogs(logs: OpenLogs, options: ScanOptions = {}): AsyncGenerator<RecordBlock> {
  const { blockBytes = SCAN_BLOCK_BYTES, threads, withCalls = false, onProgress } = options
  const { plain, streams, size } = logs
  const files = plain.flatMap(({ name, fd }) => fileBlocks(fd, name, blockBytes))
  const sources = streams.map(
    ({ name, fd }) => new StreamSource(name, () => openLog(name, options, fd), fd !== undefined, blockBytes),
  )
  const pool = new ScanPool(size, threads)
  let bytes = 0
  try {
    for await (const { block, scanned } of scanAhead(pool, mergeByTime(files, sources), withCalls)) {
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

interface Scanned {
  readonly block: LogBlock
  readonly scanned: ScannedBlock
}

/** Scans blocks before they are requested, and yields them in their order. */
async function* scanAhead(
  pool: ScanPool,
  blocks: AsyncIterable<LogBlock>,
  withCalls: boolean,
): AsyncGenerator<Scanned> {
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
    const scanning = pool.scan({ from: block.from, first: block.index === 0, withCalls }, block.size)
    // A failure is thrown when the block is first in the queue.
    scanning.catch(() => undefined)
    ahead.push({ block, scanning })
    if (ahead.length < pool.lookahead) continue
    const done = await first()
    if (done !== undefined) yield done
  }
  for (let done = await first(); done !== undefined; done = await first()) yield done
}
