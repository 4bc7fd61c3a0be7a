import { parentPort } from 'node:worker_threads'
import { transferablesOf, type RecordBatch } from '../../record/record-batch.ts'
import type { FileBlock } from './file-blocks.ts'
import { BlockReader, type BlockBytes } from './read-block.ts'
import { LineScanner, type ScannedBlock } from './scan-lines.ts'

/** What a thread is asked to scan: a stretch of a file, or bytes. */
export interface ScanJob {
  readonly from: Pick<FileBlock, 'fd' | 'start' | 'end'> | BlockBytes
  /** Whether it begins its file. */
  readonly first: boolean
  readonly spare?: RecordBatch
}

export type ScanAnswer = { readonly scanned: ScannedBlock } | { readonly error: unknown }

const scanner = new LineScanner()
const reader = new BlockReader()

parentPort?.on('message', ({ from, first, spare }: ScanJob) => {
  try {
    const scanned = scanner.scan(
      'fd' in from ? reader.read(from) : { ...from, bytes: Buffer.from(from.bytes.buffer) },
      first,
      spare,
    )
    parentPort?.postMessage({ scanned } satisfies ScanAnswer, transferablesOf(scanned.batch))
  } catch (error) {
    parentPort?.postMessage({ error } satisfies ScanAnswer)
  }
})
