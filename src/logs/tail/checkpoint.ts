import type { FileHandle } from 'node:fs/promises'

/** How far a file has been read, and enough of its bytes to recognise them. */
export interface Checkpoint {
  /** The first bytes of the file. */
  readonly head: Buffer
  /** The bytes just before `offset`. */
  readonly tail: Buffer
  /** Where the last whole line ends. */
  readonly offset: number
  /** The number of lines up to there. */
  readonly line: number
}

const HEAD_BYTES = 1_024
const TAIL_BYTES = 256

/** Fewer bytes could be equal by chance. A throughline line has more. */
const MIN_MATCHING_BYTES = 64

/** Checkpoints of removed files that are kept. A copy or a compressed file appears within a few rotations. */
const MAX_PAST = 200

/** The checkpoint of a file that has not been read. */
export const START: Checkpoint = { head: Buffer.alloc(0), tail: Buffer.alloc(0), offset: 0, line: 0 }

/** The checkpoint after more bytes, which start at `start`. `line` is the number of lines up to their end. */
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

/** Whether a file still contains the bytes that were read. */
export async function stillMatches(handle: FileHandle, { head, tail, offset }: Checkpoint): Promise<boolean> {
  return (
    (await bytesAt(handle, 0, head.length)).equals(head) &&
    (await bytesAt(handle, offset - tail.length, tail.length)).equals(tail)
  )
}

/**
 * Whether the file was truncated while its writer continued at its old offset. Then there are NULs in place of the old
 * lines, and new lines follow them.
 */
export async function isZeroed(handle: FileHandle, { tail, offset }: Checkpoint): Promise<boolean> {
  const bytes = await bytesAt(handle, offset - tail.length, tail.length)
  return bytes.length > 0 && bytes.length === tail.length && bytes.every((byte) => byte === 0)
}

/** Reads bytes of a file; fewer if it ends before. */
export async function bytesAt(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
  return buffer.subarray(0, bytesRead)
}

/** Recognises content that was read under another name, so that a copied or compressed log is not read twice. */
export class Checkpoints {
  readonly #live: () => Iterable<Checkpoint>
  readonly #past: Checkpoint[] = []

  constructor(live: () => Iterable<Checkpoint>) {
    this.#live = live
  }

  /** Keeps the checkpoint of a file that was truncated or removed. */
  keep(checkpoint: Checkpoint): void {
    this.#past.push(checkpoint)
    if (this.#past.length > MAX_PAST) this.#past.shift()
  }

  /** How far the content of a file has already been read, under any name. */
  async positionIn(handle: FileHandle, size: number): Promise<Checkpoint> {
    let found = START
    for (const checkpoint of this.#known()) {
      const isFurther = checkpoint.offset > found.offset && checkpoint.offset <= size
      if (isFurther && (await stillMatches(handle, checkpoint))) found = checkpoint
    }
    return found
  }

  /** Whether a followed file starts with these bytes. */
  knows(head: Buffer): boolean {
    return this.#known().some((known) => head.subarray(0, known.head.length).equals(known.head))
  }

  #known(): Checkpoint[] {
    return [...this.#past, ...this.#live()].filter(({ tail }) => tail.length >= MIN_MATCHING_BYTES)
  }
}
