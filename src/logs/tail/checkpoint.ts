import type { FileHandle } from 'node:fs/promises'

/** How far a file has been read, and enough of its bytes to know them again. */
export interface Checkpoint {
  /** The first bytes that were read. */
  readonly head: Buffer
  /** The bytes just before `offset`. */
  readonly tail: Buffer
  /** Where the last whole line ended. */
  readonly offset: number
  /** How many lines that were. */
  readonly line: number
}

const HEAD_BYTES = 1_024
const TAIL_BYTES = 256

/** Fewer bytes could be alike by chance: one of our lines has more. */
const MIN_MATCHING_BYTES = 64

/** Marks of files that are gone: a copy or a packed one turns up within a few rotations. */
const MAX_PAST = 200

/** The mark of a file of which nothing has been read. */
export const START: Checkpoint = { head: Buffer.alloc(0), tail: Buffer.alloc(0), offset: 0, line: 0 }

/** The mark after more bytes of the file, which begin at `start`; `line` is the number of lines up to their end. */
export async function advance(
  handle: FileHandle,
  before: Checkpoint,
  bytes: Buffer,
  start: number,
  line: number,
): Promise<Checkpoint> {
  const head =
    start === before.head.length && start < HEAD_BYTES
      ? Buffer.concat([before.head, bytes.subarray(0, HEAD_BYTES - start)])
      : before.head
  const end = bytes.lastIndexOf(10) + 1
  if (end === 0) return { ...before, head }
  const offset = start + end
  return {
    head,
    tail: await bytesAt(handle, Math.max(0, offset - TAIL_BYTES), Math.min(offset, TAIL_BYTES)),
    offset,
    line,
  }
}

/** Whether a file still holds the bytes that were read. */
export async function stillMatches(handle: FileHandle, { head, tail, offset }: Checkpoint): Promise<boolean> {
  return (
    (await bytesAt(handle, 0, head.length)).equals(head) &&
    (await bytesAt(handle, offset - tail.length, tail.length)).equals(tail)
  )
}

/**
 * Whether the file was emptied under a writer that goes on at its old place: then there are NULs where lines were, and
 * what is new stands behind them.
 */
export async function isZeroed(handle: FileHandle, { tail, offset }: Checkpoint): Promise<boolean> {
  const bytes = await bytesAt(handle, offset - tail.length, tail.length)
  return bytes.length > 0 && bytes.length === tail.length && bytes.every((byte) => byte === 0)
}

/** Some bytes of a file; fewer where it ends sooner. */
export async function bytesAt(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
  return buffer.subarray(0, bytesRead)
}

/** Knows what has been read under another name: rotation by copying, and by packing, would else give it twice. */
export class Checkpoints {
  readonly #live: () => Iterable<Checkpoint>
  readonly #past: Checkpoint[] = []

  constructor(live: () => Iterable<Checkpoint>) {
    this.#live = live
  }

  /** Keeps the mark of a file that was emptied, or is gone. */
  keep(mark: Checkpoint): void {
    this.#past.push(mark)
    if (this.#past.length > MAX_PAST) this.#past.shift()
  }

  /** How far the content of this file has been read already, under whatever name. */
  async placeIn(handle: FileHandle, size: number): Promise<Checkpoint> {
    let found = START
    for (const mark of this.#known()) {
      if (mark.offset > found.offset && mark.offset <= size && (await stillMatches(handle, mark))) found = mark
    }
    return found
  }

  /** Whether a file that was followed began with these bytes. */
  knows(head: Buffer): boolean {
    return this.#known().some((mark) => head.subarray(0, mark.head.length).equals(mark.head))
  }

  #known(): Checkpoint[] {
    return [...this.#past, ...this.#live()].filter(({ tail }) => tail.length >= MIN_MATCHING_BYTES)
  }
}
