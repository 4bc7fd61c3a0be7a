import { fstatSync, readSync } from 'node:fs'

/** Bytes of a file that are read at one go. */
export const SCAN_BLOCK_BYTES = 4 * 1_048_576
const PROBE_BYTES = 32_768

/** A stretch of a file: the lines that begin in it are its own. */
export interface FileBlock {
  readonly fd: number
  readonly file: string
  readonly index: number
  readonly start: number
  /** Of the last one beyond the file's end, since that may still grow. */
  readonly end: number
  /** How much of it there is by now. */
  readonly size: number
  /** The time of its first line that has one, in epoch milliseconds; of a block without any, that of the one before. */
  readonly startTime: number
}

/** Cuts a file into blocks, looking only at the beginning of each. */
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

const TIME = /"time":(\d{1,15})[,}]/

/** The time of the first whole line, in epoch milliseconds, as far as it is a number. */
export function firstTime(bytes: Buffer, whole: boolean): number | undefined {
  const text = bytes.toString('latin1', whole ? 0 : bytes.indexOf(10) + 1)
  const time = TIME.exec(text)?.[1]
  return time === undefined ? undefined : Number(time)
}

/** Blocks of many files in order of time, so that no request is open for longer than it was. */
export function byStartTime(blocks: readonly FileBlock[]): FileBlock[] {
  return [...blocks].sort(
    (a, b) => a.startTime - b.startTime || (a.file < b.file ? -1 : a.file > b.file ? 1 : a.index - b.index),
  )
}
