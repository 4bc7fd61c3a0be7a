import type { BigIntStats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { openLog } from '../files/open.ts'
import { LineCutter, splitLines, type NumberedLine } from '../split-lines.ts'
import { bytesAt, stillMatches, isZeroed, advance, START, type Checkpoint, type Checkpoints } from './checkpoint.ts'
import { HEAD_BYTES, detectCompression } from '../files/decompress.ts'

const CHUNK_BYTES = 262_144

/** What a file is, whatever it is called: two names of one file have the same. */
export function identity({ dev, ino }: BigIntStats): string {
  return `${String(dev)}:${String(ino)}`
}

/** What a file is followed with. */
export interface TailedSetting {
  /** The round in which it was found. What is packed is read at once in the first, later once it has stopped growing. */
  readonly round: number
  readonly marks: Checkpoints
  /** Told where a packed log is damaged behind what could be read. */
  readonly onDamage: (sentence: string) => void
}

/** A file that is followed: wherever it is renamed to, and when it is emptied. */
export class TailedFile {
  readonly id: string
  /** The name by which it was found last. */
  name: string
  /** The time of the latest record in it so far, in epoch milliseconds. */
  latest = -Infinity
  /** The round in which something came last. */
  grown: number
  readonly #marks: Checkpoints
  readonly #onDamage: (sentence: string) => void
  #handle: FileHandle | undefined
  #lines = new LineCutter()
  #mark = START
  #offset = 0
  #modified = -1n
  #begun = false
  #packed = false
  #packedBytes: number
  #done = false

  constructor(id: string, name: string, { round, marks, onDamage }: TailedSetting) {
    this.id = id
    this.name = name
    this.grown = round
    this.#marks = marks
    this.#onDamage = onDamage
    this.#packedBytes = round === 0 ? Infinity : -1
  }

  /** How far it has been read. */
  get mark(): Checkpoint {
    return this.#mark
  }

  get isOpen(): boolean {
    return this.#handle !== undefined
  }

  /** Whether there may be something new, by what the file system says of it. */
  changed({ size, mtimeNs }: BigIntStats): boolean {
    return !this.#done && (Number(size) !== this.#offset || mtimeNs !== this.#modified)
  }

  /**
   * The lines that have come since the last time, in batches, up to the size that the file has now.
   *
   * @throws what the file system says where it cannot be read: nothing is lost, and the next call goes on
   */
  async *readNew(): AsyncGenerator<NumberedLine[]> {
    const handle = await this.#opened()
    const stat = await handle?.stat({ bigint: true })
    if (handle === undefined || stat === undefined || !this.changed(stat)) return
    const size = Number(stat.size)
    if (!this.#begun && size >= HEAD_BYTES) await this.#start(handle, size)
    if (this.#packed) yield* this.#unpacked(size)
    if (this.#packed || !this.#begun) return
    if (!(await stillMatches(handle, this.#mark))) await this.#restart(handle, size)
    // Only what was no whole line yet was taken back.
    else if (size < this.#offset) this.#goTo(this.#mark)
    while (this.#offset < size) {
      const start = this.#offset
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - start))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, start)
      if (bytesRead === 0) return
      const bytes = chunk.subarray(0, bytesRead)
      const lines = this.#lines.push(bytes)
      this.#offset += bytesRead
      this.#mark = await advance(handle, this.#mark, bytes, start, this.#lines.line)
      if (lines.length > 0) yield lines
    }
    this.#modified = stat.mtimeNs
  }

  /** What stands after the last line feed, where nothing follows any more. */
  rest(): NumberedLine[] {
    return this.#lines.rest()
  }

  /** Lets go of the file itself. As long as it has a name it can be read on. */
  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #opened(): Promise<FileHandle | undefined> {
    if (this.#handle !== undefined) return this.#handle
    const handle = await open(this.name)
    if (identity(await handle.stat({ bigint: true })) === this.id) return (this.#handle = handle)
    // Replaced since it was looked at: the next round sees both.
    await handle.close()
    return undefined
  }

  async #start(handle: FileHandle, size: number): Promise<void> {
    this.#packed = detectCompression(await bytesAt(handle, 0, HEAD_BYTES)) !== undefined
    this.#begun = true
    if (!this.#packed) this.#goTo(await this.#marks.placeIn(handle, size))
  }

  /** What stood behind the last line feed is dropped: its rest is lost, or stands in a copy that has it whole. */
  async #restart(handle: FileHandle, size: number): Promise<void> {
    const before = this.#mark
    this.#marks.keep(before)
    const hollow = size >= this.#offset && (await isZeroed(handle, before))
    this.#goTo(hollow ? { ...START, offset: before.offset } : START)
  }

  #goTo(mark: Checkpoint): void {
    this.#mark = mark
    this.#offset = mark.offset
    this.#lines = new LineCutter(mark.line)
  }

  /** Once, and not at all where a file that was followed has been packed. */
  async *#unpacked(size: number): AsyncGenerator<NumberedLine[]> {
    await this.close()
    if (this.#packedBytes !== Infinity && this.#packedBytes !== size) {
      this.#packedBytes = size
      return
    }
    this.#done = true
    if (!this.#marks.knows(await this.#firstBytes()))
      yield* splitLines(openLog(this.name, { onDamage: this.#onDamage }))
  }

  async #firstBytes(): Promise<Buffer> {
    let head = Buffer.alloc(0)
    for await (const chunk of openLog(this.name)) {
      head = Buffer.concat([head, chunk])
      if (head.length >= UNPACKED_HEAD) break
    }
    return head
  }
}

/** As many as a mark has of the first bytes, or more. */
const UNPACKED_HEAD = 4_096
