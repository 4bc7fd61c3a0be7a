import { readSync } from 'node:fs'
import { parseTimestamp } from '../../record/timestamp.ts'
import { parseLine, type LogEntry } from '../parse-line.ts'
import { MAX_LINE_BYTES } from '../split-lines.ts'

/** Where to start reading a file for the lines of a time and later. */
export interface SeekResult {
  /** The start of a line. No line before it was written at that time or later. */
  readonly start: number
  /** Whether the sampled lines are in order of time. */
  readonly ordered: boolean
}

/** What to look for. */
export interface SeekOptions {
  /** In epoch milliseconds. */
  readonly time: number
  /** The maximum difference between two clocks in milliseconds. */
  readonly skewMs: number
  /** How many bytes the result may be too early. */
  readonly precision: number
}

const PROBE_BYTES = 8_192
const MAX_PROBE_BYTES = 2 * MAX_LINE_BYTES
/** How many places of a file are sampled to find out whether its lines are in order. */
const SAMPLE_COUNT = 64
/** A single line may have a wrong time, or the time of something else, so the median of several counts. */
const PROBE_LINES = 9
const LINE_FEED = 10

/**
 * Finds by bisection where the lines of a time and later start in a file: about eighty reads of a few KB for any size.
 *
 * No two clocks differ by more than `skewMs`. So a line stamped more than that before the time was written before it,
 * and so were all lines that precede it.
 *
 * @param size of the file in bytes
 * @returns the start of the file, and not ordered, if lines have no time or are out of order by more than `skewMs`
 */
export function seekTime(fd: number, size: number, { time, skewMs, precision }: SeekOptions): SeekResult {
  const places = Math.min(SAMPLE_COUNT, Math.ceil(size / precision))
  const probes = Array.from({ length: places }, (_, index) => probe(fd, Math.floor((size / places) * index), size))
  const samples = probes.filter(({ line }) => line < size)
  if (!inOrder(samples, skewMs)) return { start: 0, ordered: false }
  const isBefore = (found: Probe): boolean => (found.time ?? Infinity) < time - skewMs
  const last = samples.findLastIndex(isBefore)
  let [start, beyond] = [samples[last]?.line ?? 0, last === -1 ? 0 : (samples[last + 1]?.line ?? size)]
  while (beyond - start > precision) {
    const middle = Math.floor((start + beyond) / 2)
    const found = probe(fd, middle, size)
    if (found.line < beyond && isBefore(found)) start = found.line
    else beyond = middle
  }
  return { start, ordered: true }
}

function inOrder(probes: readonly Probe[], skewMs: number): boolean {
  let latest = -Infinity
  return probes.every(({ time }) => {
    if (time === undefined || time < latest - skewMs) return false
    latest = Math.max(latest, time)
    return true
  })
}

interface Probe {
  /** The start of the first line at or after the offset; the end of the file if there is none. */
  readonly line: number
  /** The median time of this line and the next ones, in epoch milliseconds. */
  readonly time?: number
}

function probe(fd: number, offset: number, size: number): Probe {
  // Includes the byte before, which is a line feed if a line starts at the offset.
  const from = Math.max(0, offset - 1)
  for (let wanted = PROBE_BYTES; ; wanted *= 4) {
    const block = Buffer.allocUnsafe(Math.min(wanted, size - from))
    const bytes = block.subarray(0, readSync(fd, block, 0, block.length, from))
    const [ended, enough] = [from + wanted >= size || bytes.length < block.length, wanted > MAX_PROBE_BYTES]
    const first = offset === 0 ? 0 : bytes.indexOf(LINE_FEED) + 1
    const found = offset === 0 || first > 0
    if (!found && (ended || enough)) return { line: size }
    const last = ended ? bytes.length : bytes.lastIndexOf(LINE_FEED)
    const time = found && last > first ? medianTime(bytes.subarray(first, last)) : undefined
    if (time !== undefined) return { line: from + first, time }
    if (ended || enough) return { line: from + first }
  }
}

/** The median time of the first lines, in epoch milliseconds; undefined if none of them has a time. */
export function medianTime(bytes: Buffer): number | undefined {
  const times: number[] = []
  for (let start = 0, lines = 0; start < bytes.length && lines < PROBE_LINES; lines += 1) {
    const feed = bytes.indexOf(LINE_FEED, start)
    const end = feed === -1 ? bytes.length : feed
    const time = parseLine(bytes.toString('utf8', start, end))
      .map(timeOf)
      .find((parsed) => parsed !== undefined)
    if (time !== undefined) times.push(time)
    start = end + 1
  }
  return times.sort((a, b) => a - b)[times.length >> 1]
}

/** The time of a record or of any object with a `time` field, in epoch milliseconds. */
export function timeOf(entry: LogEntry): number | undefined {
  if (entry.kind === 'record') return entry.record.time
  return entry.kind === 'other' && entry.fields !== undefined && 'time' in entry.fields
    ? parseTimestamp(entry.fields.time)
    : undefined
}
