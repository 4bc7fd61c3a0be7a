import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { RecordBlock } from '../../transition/rows.ts'
import { openLog, STDIN, unreadableLog, type LogOptions } from '../log-files.ts'
import { HEAD_BYTES, packingOf } from '../unpacked.ts'
import { BLOCK_BYTES, fileBlocks, type FileBlock } from './blocks.ts'
import { inTimeOrder, LogStream, type LogBlock } from './log-stream.ts'
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
  readonly #names: readonly string[]
  readonly #options: ScanOptions
  readonly #fds = new Map<string, number>()

  /**
   * @param names as {@link resolveFiles} gives them; `-` is standard input
   * @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be opened
   */
  constructor(names: readonly string[], options: ScanOptions = {}) {
    this.#names = names
    this.#options = options
    for (const name of names) if (name !== STDIN) this.#fds.set(name, opened(name))
  }

  /** Whether the logs can be read more than once. */
  get again(): boolean {
    return [...this.#fds.values()].every((fd) => fstatSync(fd).isFile()) && !this.#names.includes(STDIN)
  }

  /** @throws ThroughlineError THROUGHLINE_LOG_UNREADABLE where a file cannot be read */
  async *blocks(): AsyncGenerator<RecordBlock> {
    const { blockBytes = BLOCK_BYTES, onProgress } = this.#options
    const plain: FileBlock[] = []
    const streams: LogStream[] = []
    for (const name of this.#names) {
      const fd = this.#fds.get(name)
      if (fd !== undefined && isPlain(fd)) plain.push(...fileBlocks(fd, name, blockBytes))
      else streams.push(new LogStream(name, () => openLog(name, this.#options, fd), fd !== undefined && fstatSync(fd).isFile(), blockBytes))
    }
    const total = [...this.#fds.values()].reduce((sum, fd) => sum + fstatSync(fd).size, 0)
    const pool = new ScanPool(total, this.#options.threads)
    let bytes = 0
    try {
      for await (const { block, scanned } of inPool(pool, inTimeOrder(plain, streams))) {
        const { file, index, begins } = block
        yield { ...scanned, file, index, begins }
        pool.release(scanned)
        bytes += 'start' in block.from ? block.from.end - block.from.start : 0
        onProgress?.(Math.min(bytes, total), total)
      }
    } finally {
      await pool.close()
    }
  }

  close(): void {
    for (const fd of this.#fds.values()) closeSync(fd)
  }
}

/** Scans blocks ahead of their being asked for, and gives them in their order. */
async function* inPool(pool: ScanPool, blocks: AsyncIterable<LogBlock>): AsyncGenerator<{ block: LogBlock; scanned: Awaited<ReturnType<ScanPool['scan']>> }> {
  const ahead: { block: LogBlock; scanning: ReturnType<ScanPool['scan']> }[] = []
  const first = async (): Promise<{ block: LogBlock; scanned: Awaited<ReturnType<ScanPool['scan']>> } | undefined> => {
    const next = ahead.shift()
    if (next === undefined) return undefined
    try {
      return { block: next.block, scanned: await next.scanning }
    } catch (error) {
      throw unreadableLog(next.block.file, error)
    }
  }
  for await (const block of blocks) {
    const scanning = pool.scan({ from: block.from, first: block.index === 0 })
    // One that fails is told when its turn comes.
    scanning.catch(() => undefined)
    ahead.push({ block, scanning })
    if (ahead.length < pool.width) continue
    const done = await first()
    if (done !== undefined) yield done
  }
  for (let done = await first(); done !== undefined; done = await first()) yield done
}

function opened(name: string): number {
  try {
    return openSync(name, 'r')
  } catch (error) {
    throw unreadableLog(name, error)
  }
}

/** Whether a file can be read in pieces: it is a regular one, and not packed. */
function isPlain(fd: number): boolean {
  if (!fstatSync(fd).isFile()) return false
  const head = Buffer.alloc(HEAD_BYTES)
  return packingOf(head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))) === undefined
}
