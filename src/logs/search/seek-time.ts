import { readSync } from 'node:fs'
import { parseTimestamp } from '../../record/timestamp.ts'
import { parseLine, type LogEntry } from '../parse-line.ts'
import { MAX_LINE_BYTES } from '../split-lines.ts'

/** Where in a file the lines begin that may be of some moment or later. */
export interface SeekResult {
  /** Where a line begins: none before it is of that moment or later. */
  readonly start: number
  /** Whether lines stand in order of time, as far as a look at some of them tells. */
  readonly ordered: boolean
}

/** What is asked of a file. */
export interface SeekOptions {
  /** In epoch milliseconds. */
  readonly moment: number
  /** How far two clocks may disagree, in milliseconds. */
  readonly skewMs: number
  /** How close to the place is close enough, in bytes. */
  readonly near: number
}

const PROBE_BYTES = 8_192
const MAX_PROBE_BYTES = 2 * MAX_LINE_BYTES
/** At how many places a file is looked at, to see whether its lines stand in order. */
const SAMPLE_COUNT = 64
/** One line may tell a nonsense time, or a time of something else: several are asked, and the middle one counts. */
const PROBE_LINES = 9
const LINE_FEED = 10

/**
 * Finds by bisection where in a file the lines begin that may be of a moment or later: some eighty looks of a few KB,
 * however large the file is.
 *
 * Two clocks never disagree by more than `skewMs`. So a line that tells a time of more than that before the moment was
 * written before it, and so was all that stands in front of that line.
 *
 * @param size of the file, in bytes
 * @returns the start of the file, and not ordered, where lines tell no time, or stand out of order by more than `skewMs`
 */
export function seekTime(fd: number, size: number, { moment, skewMs, near }: SeekOptions): SeekResult {
  const places = Math.min(SAMPLE_COUNT, Math.ceil(size / near))
  const probes = Array.from({ length: places }, (_, index) => probe(fd, Math.floor((size / places) * index), size))
  const told = probes.filter(({ line }) => line < size)
  if (!inOrder(told, skewMs)) return { start: 0, ordered: false }
  const isBefore = ({ time = Infinity }: Probe): boolean => time < moment - skewMs
  const last = told.findLastIndex(isBefore)
  let [start, beyond] = [told[last]?.line ?? 0, last === -1 ? 0 : (told[last + 1]?.line ?? size)]
  while (beyond - start > near) {
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
  /** Where the first line begins that begins at the place or after it; the end of the file where there is none. */
  readonly line: number
  /** The time that this line and the next ones tell, in epoch milliseconds. */
  readonly time?: number
}

function probe(fd: number, place: number, size: number): Probe {
  // From the byte before: it is a line feed where a line begins at the place.
  const from = Math.max(0, place - 1)
  for (let wanted = PROBE_BYTES; ; wanted *= 4) {
    const block = Buffer.allocUnsafe(Math.min(wanted, size - from))
    const bytes = block.subarray(0, readSync(fd, block, 0, block.length, from))
    const [ended, enough] = [from + wanted >= size || bytes.length < block.length, wanted > MAX_PROBE_BYTES]
    const first = place === 0 ? 0 : bytes.indexOf(LINE_FEED) + 1
    const found = place === 0 || first > 0
    if (!found && (ended || enough)) return { line: size }
    const last = ended ? bytes.length : bytes.lastIndexOf(LINE_FEED)
    const time = found && last > first ? medianTime(bytes.subarray(first, last)) : undefined
    if (time !== undefined) return { line: from + first, time }
    if (ended || enough) return { line: from + first }
  }
}

/** The middle one of the times that the first lines of some bytes tell, in epoch milliseconds; undefined where none does. */
export function medianTime(bytes: Buffer): number | undefined {
  const times: number[] = []
  for (let start = 0, asked = 0; start < bytes.length && asked < PROBE_LINES; asked += 1) {
    const feed = bytes.indexOf(LINE_FEED, start)
    const end = feed === -1 ? bytes.length : feed
    const time = parseLine(bytes.toString('utf8', start, end))
      .map(timeOf)
      .find((told) => told !== undefined)
    if (time !== undefined) times.push(time)
    start = end + 1
  }
  return times.sort((a, b) => a - b)[times.length >> 1]
}

/** The time that an entry tells, in epoch milliseconds: one of ours, or any other object with a `time`. */
export function timeOf(entry: LogEntry): number | undefined {
  if (entry.kind === 'record') return entry.record.time
  return entry.kind === 'other' && entry.fields !== undefined && 'time' in entry.fields
    ? parseTimestamp(entry.fields.time)
    : undefined
}
