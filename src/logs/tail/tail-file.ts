import type { BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { openLog } from '../files/open.ts'
import { LineSplitter, splitLines, type NumberedLine } from '../split-lines.ts'
import { advance, bytesAt, isZeroed, START, stillMatches, type Checkpoint, type Checkpoints } from './checkpoint.ts'
import { HEAD_BYTES, detectCompression } from '../files/decompress.ts'

const CHUNK_BYTES = 262_144

/** Identifies a file independently of its name. */
export function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

/** How a file is followed. */
export interface TailedFileOptions {
  /** The round in which it was found. After the first round, a compressed file is read once it has stopped growing. */
  readonly round: number
  readonly checkpoints: Checkpoints
  /** Called if a compressed log is corrupted after its first bytes. */
  readonly onDamage: (sentence: string) => void
}

/** A file that is followed through renaming and truncation. */
export class TailedFile {
  readonly id: string
  /** The name under which it was last found. */
  name: string
  /** The time of its latest record so far, in epoch milliseconds. */
  latest = -Infinity
  /** The last round in which it had new lines. */
  lastGrowth: number
  readonly #checkpoints: Checkpoints
  readonly #onDamage: (sentence: string) => void
  #handle: FileHandle | undefined
  #lines = new LineSplitter()
  #checkpoint = START
  #offset = 0
  #modified = -1n
  #started = false
  #compressed = false
  #compressedBytes: number
  #done = false

  constructor(id: string, name: string, { round, checkpoints, onDamage }: TailedFileOptions) {
    this.id = id
    this.name = name
    this.lastGrowth = round
    this.#checkpoints = checkpoints
    this.#onDamage = onDamage
    this.#compressedBytes = round === 0 ? Infinity : -1
  }

  /** How far it has been read. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
  }

  /** Whether there may be new lines, according to its size and modification time. */
  changed({ size, mtimeNs }: BigIntStats): boolean {
    return !this.#done && (Number(size) !== this.#offset || mtimeNs !== this.#modified)
  }

  /**
   * Reads the lines since the last call, in batches, up to the current size of the file.
   *
   * @throws a file system error if it cannot be read; no line is lost, and the next call continues
   */
  async *readNew(): AsyncGenerator<NumberedLine[]> {
    const handle = await this.#open()
    const stat = await handle?.stat({ bigint: true })
    if (handle === undefined || stat === undefined || !this.changed(stat)) return
    const size = Number(stat.size)
    if (!this.#started && size >= HEAD_BYTES) await this.#start(handle, size)
    if (this.#compressed) yield* this.#decompressed(size)
    if (this.#compressed || !this.#started) return
    if (!(await stillMatches(handle, this.#checkpoint))) await this.#restart(handle, size)
    // Only a part of an unfinished line was removed.
    else if (size < this.#offset) this.#goTo(this.#checkpoint)
    while (this.#offset < size) {
      const start = this.#offset
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - start))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, start)
      if (bytesRead === 0) return
      const bytes = chunk.subarray(0, bytesRead)
      const lines = this.#lines.push(bytes)
      this.#offset += bytesRead
      this.#checkpoint = await advance(handle, this.#checkpoint, bytes, start, this.#lines.line)
      if (lines.length > 0) yield lines
    }
    this.#modified = stat.mtimeNs
  }

  /** The unfinished line at the end of a file that no longer grows. */
  rest(): NumberedLine[] {
    return this.#lines.rest()
  }

  /** Closes the file. It is reopened by its name when needed. */
  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #open(): Promise<FileHandle | undefined> {
    if (this.#handle !== undefined) return this.#handle
    const handle = await open(this.name)
    if (identity(await handle.stat({ bigint: true })) === this.id) return (this.#handle = handle)
    // It was replaced after the last `stat`. The next round sees both files.
    await handle.close()
    return undefined
  }

  async #start(handle: FileHandle, size: number): Promise<void> {
    this.#compressed = detectCompression(await bytesAt(handle, 0, HEAD_BYTES)) !== undefined
    this.#started = true
    if (!this.#compressed) this.#goTo(await this.#checkpoints.positionIn(handle, size))
  }

  /** Drops the unfinished line: its rest is lost, or is in a copy that has the whole line. */
  async #restart(handle: FileHandle, size: number): Promise<void> {
    const previous = this.#checkpoint
    this.#checkpoints.keep(previous)
    const zeroed = size >= this.#offset && (await isZeroed(handle, previous))
    this.#goTo(zeroed ? { ...START, offset: previous.offset } : START)
  }

  #goTo(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint
    this.#offset = checkpoint.offset
    this.#lines = new LineSplitter(checkpoint.line)
  }

  /** Reads a compressed file once, or not at all if it is the compressed form of a followed file. */
  async *#decompressed(size: number): AsyncGenerator<NumberedLine[]> {
    await this.close()
    if (this.#compressedBytes !== Infinity && this.#compressedBytes !== size) {
      this.#compressedBytes = size
      return
    }
    this.#done = true
    if (!this.#checkpoints.knows(await this.#firstBytes()))
      yield* splitLines(openLog(this.name, { onDamage: this.#onDamage }))
  }

  async #firstBytes(): Promise<Buffer> {
    let head = Buffer.alloc(0)
    for await (const chunk of openLog(this.name)) {
      head = Buffer.concat([head, chunk])
      if (head.length >= DECOMPRESSED_HEAD_BYTES) break
    }
    return head
  }
}

/** At least the number of first bytes that a checkpoint has. */
const DECOMPRESSED_HEAD_BYTES = 4_096
