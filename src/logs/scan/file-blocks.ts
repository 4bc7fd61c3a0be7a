import { fstatSync, readSync } from 'node:fs'
import { MAX_TEMPLATE_BYTES } from './line-templates.ts'

/** How many bytes of a file are read at once. */
export const SCAN_BLOCK_BYTES = 4 * 1_048_576
const PROBE_BYTES = 32_768

/** How many bytes after its last line the scanner may look at. */
export const PADDING_BYTES = MAX_TEMPLATE_BYTES + 256

/** Lines in memory, between `start` and `end`, with {@link PADDING_BYTES} more bytes after `end`. */
export interface BlockBytes {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** A part of a file. A line belongs to the block in which it starts. */
export interface FileBlock {
  readonly fd: number
  readonly file: string
  readonly index: number
  readonly start: number
  /** In the last block beyond the end of the file, which may still grow. */
  readonly end: number
  /** How many bytes of it exist now. */
  readonly size: number
  /** The first time in it, in epoch milliseconds. A block without any has that of the block before. */
  readonly startTime: number
}

/** Divides a file into blocks. Only the first bytes of each block are read. */
export function fileBlocks(fd: number, file: string, blockBytes: number = SCAN_BLOCK_BYTES): FileBlock[] {
  const { size } = fstatSync(fd)
  const probe = Buffer.alloc(PROBE_BYTES)
  const blocks: FileBlock[] = []
  let startTime = -Infinity
  for (let start = 0; start === 0 || start < size; start += blockBytes) {
    const bytes = readSync(fd, probe, 0, PROBE_BYTES, start)
    startTime = firstTime(probe.subarray(0, bytes), start === 0) ?? startTime
    blocks.push({
      fd,
      file,
      index: blocks.length,
      start,
      end: start + blockBytes,
      size: Math.min(blockBytes, size - start),
      startTime,
    })
  }
  return blocks
}

/** Searched in raw text, because parsing would be too slow here. It does not match a string or a fraction. */
const TIME = /"time":(\d{1,15})[,}]/

/**
 * The time of the first whole line that has one as a number, in epoch milliseconds.
 *
 * @param whole whether the bytes start with a whole line
 */
export function firstTime(bytes: Buffer, whole: boolean): number | undefined {
  const text = bytes.toString('latin1', whole ? 0 : bytes.indexOf(10) + 1)
  const time = TIME.exec(text)?.[1]
  return time === undefined ? undefined : Number(time)
}

/** Sorts the blocks of many files by time, so that a request is in memory only while it is open. */
export function byStartTime(blocks: readonly FileBlock[]): FileBlock[] {
  return [...blocks].sort(
    (a, b) => a.startTime - b.startTime || (a.file < b.file ? -1 : a.file > b.file ? 1 : a.index - b.index),
  )
}
