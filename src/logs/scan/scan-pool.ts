import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { transferablesOf, type RecordBatch, type RecordKind } from '../../record/record-batch.ts'
import { BlockReader } from './read-block.ts'
import { LineScanner, type ScannedBlock } from './scan-lines.ts'
import type { ScanAnswer, ScanJob } from './scan-worker.ts'

/** The worker's file is next to this one, in src as well as in dist. */
const WORKER_FILE = new URL(import.meta.url.replace(/[^/]*(\.[jt]s)$/, 'scan-worker$1'))

/** Fewer bytes are scanned before a thread has started. */
const MIN_BYTES_FOR_THREADS = 32 * 1_048_576

/**
 * None on Deno, where a thread has file descriptors of its own, and where passing bytes to it takes longer than
 * scanning them.
 */
const MAX_THREADS = 'Deno' in globalThis ? 0 : availableParallelism()

/** Scans blocks, in threads if there are enough bytes to make up for starting them. */
export class ScanPool {
  readonly #maxThreads: number
  readonly #threads: Thread[] = []
  readonly #inline = { scanner: new LineScanner(), reader: new BlockReader(), kinds: [] as RecordKind[] }
  readonly #spares: RecordBatch[] = []
  /** How many more bytes are scanned in this thread. */
  #bytesBeforeThreads: number

  /**
   * @param expected how many bytes there are to scan, as far as known
   * @param threads a fixed number of threads; with 0 this thread scans everything
   */
  constructor(expected: number, threads?: number) {
    this.#maxThreads = threads ?? MAX_THREADS
    this.#bytesBeforeThreads = threads === undefined && expected < MIN_BYTES_FOR_THREADS ? MIN_BYTES_FOR_THREADS : 0
  }

  /** How many blocks to scan ahead. */
  get lookahead(): number {
    return Math.max(1, this.#threads.length * 2)
  }

  /** Scans a block in the least busy thread. The result has all kinds of that thread, from its first block on. */
  async scan(job: ScanJob, bytes: number): Promise<ScannedBlock> {
    this.#bytesBeforeThreads -= bytes
    if (this.#bytesBeforeThreads < 0) while (this.#threads.length < this.#maxThreads) this.#threads.push(new Thread())
    const spare = this.#spares.pop()
    const thread = this.#threads.reduce<Thread | undefined>(
      (least, other) => (least === undefined || other.busy < least.busy ? other : least),
      undefined,
    )
    if (thread !== undefined) return thread.scan(spare === undefined ? job : { ...job, spare })
    const { scanner, reader, kinds } = this.#inline
    const scanned = scanner.scan('fd' in job.from ? reader.read(job.from) : job.from, job.first, spare, job.withCalls)
    kinds.push(...scanned.kinds)
    return { ...scanned, kinds }
  }

  /** Reuses the memory of a block that is no longer needed. */
  release({ batch }: Pick<ScannedBlock, 'batch'>): void {
    this.#spares.push(batch)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}

/** Most objects of a thread are short-lived. A larger young generation would only free them later. */
const YOUNG_MEGABYTES = 4

interface PendingScan {
  readonly resolve: (scanned: ScannedBlock) => void
  readonly reject: (error: unknown) => void
}

class Thread {
  readonly #worker = new Worker(WORKER_FILE, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES } })
  readonly #kinds: RecordKind[] = []
  /** Workers answer in the order of the jobs. */
  readonly #waiting: PendingScan[] = []

  constructor() {
    this.#worker.on('message', (answer: ScanAnswer) => {
      const waiting = this.#waiting.shift()
      if ('error' in answer) return waiting?.reject(answer.error)
      this.#kinds.push(...answer.scanned.kinds)
      return waiting?.resolve({ ...answer.scanned, kinds: this.#kinds })
    })
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
  }

  get busy(): number {
    return this.#waiting.length
  }

  async scan(job: ScanJob): Promise<ScannedBlock> {
    const scanned = new Promise<ScannedBlock>((resolve, reject) => void this.#waiting.push({ resolve, reject }))
    const bytes = 'fd' in job.from ? [] : [memoryIn(job.from.bytes)]
    this.#worker.postMessage(job, [...bytes, ...(job.spare === undefined ? [] : transferablesOf(job.spare))])
    return scanned
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** The memory of a stream's block, which is transferred to the thread and holds nothing else. */
function memoryIn({ buffer }: Buffer): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer
  throw new TypeError('shared memory cannot be transferred')
}
