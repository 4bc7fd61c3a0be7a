import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { transferablesOf, type RecordBatch, type RecordKind } from '../../record/record-batch.ts'
import { BlockReader } from './read-block.ts'
import { LineScanner, type ScannedBlock } from './scan-lines.ts'
import type { ScanAnswer, ScanJob } from './scan-worker.ts'

/** The thread's program lies beside this one, built or not. */
const PROGRAM = new URL(import.meta.url.replace(/scan-pool(?=\.[jt]s$)/, 'scan-worker'))

/** Less than this is read before a thread has started. */
const MIN_BYTES_FOR_THREADS = 32 * 1_048_576

/** Scans blocks in threads, once there is so much to scan that it pays to start them. */
export class ScanPool {
  readonly #maxThreads: number
  readonly #threads: Thread[] = []
  readonly #inline = { scanner: new LineScanner(), reader: new BlockReader(), kinds: [] as RecordKind[] }
  readonly #spares: RecordBatch[] = []
  /** Bytes that are still scanned in this thread. */
  #bytesBeforeThreads: number

  /**
   * @param expected bytes that there are to scan, as far as is known
   * @param threads how many, whatever there is to scan; with 0 all is scanned in this one
   */
  constructor(expected: number, threads?: number) {
    this.#maxThreads = threads ?? availableParallelism()
    this.#bytesBeforeThreads = threads === undefined && expected < MIN_BYTES_FOR_THREADS ? MIN_BYTES_FOR_THREADS : 0
  }

  /** How many blocks are worth asking for before the first is needed. */
  get lookahead(): number {
    return Math.max(1, this.#threads.length * 2)
  }

  /** Scans a block in the thread with the least to do; the kinds are all that thread's, from its first block on. */
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
    const scanned = scanner.scan('fd' in job.from ? reader.read(job.from) : job.from, job.first, spare)
    kinds.push(...scanned.kinds)
    return { ...scanned, kinds }
  }

  /** Takes back the rows of a block that is done with. */
  release({ batch }: Pick<ScannedBlock, 'batch'>): void {
    this.#spares.push(batch)
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}

/** What a thread makes is short-lived: with more room it would only be cleared away later. */
const YOUNG_MEGABYTES = 4

interface PendingScan {
  readonly resolve: (scanned: ScannedBlock) => void
  readonly reject: (error: unknown) => void
}

class Thread {
  readonly #worker = new Worker(PROGRAM, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES } })
  readonly #kinds: RecordKind[] = []
  /** Answers come in the order of the questions. */
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

/** Bytes are handed to a thread whole: they are in memory of their own. */
function memoryIn({ buffer }: Buffer): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer
  throw new TypeError('bytes in shared memory cannot be handed over')
}
