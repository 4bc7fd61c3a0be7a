import { parentPort } from 'node:worker_threads'
import { transferablesOf, type RecordBatch } from '../../record/record-batch.ts'
import type { BlockBytes, FileBlock } from './file-blocks.ts'
import { BlockReader } from './read-block.ts'
import { LineScanner, type ScannedBlock } from './scan-lines.ts'

/** What a thread scans: a part of a file, or bytes. */
export interface ScanJob {
  readonly from: Pick<FileBlock, 'fd' | 'start' | 'end'> | BlockBytes
  /** Whether it is the first block of its file. */
  readonly first: boolean
  /** A batch whose memory may be reused. */
  readonly spare?: RecordBatch
  /** Whether facts about calls are collected. */
  readonly withCalls?: boolean
}

/** What a thread answers. */
export type ScanAnswer = { readonly scanned: ScannedBlock } | { readonly error: unknown }

const scanner = new LineScanner()
const reader = new BlockReader()

parentPort?.on('message', ({ from, first, spare, withCalls }: ScanJob) => {
  try {
    const scanned = scanner.scan(
      'fd' in from ? reader.read(from) : { ...from, bytes: Buffer.from(from.bytes.buffer) },
      first,
      spare,
      withCalls,
    )
    parentPort?.postMessage({ scanned } satisfies ScanAnswer, transferablesOf(scanned.batch))
  } catch (error) {
    parentPort?.postMessage({ error } satisfies ScanAnswer)
  }
})
