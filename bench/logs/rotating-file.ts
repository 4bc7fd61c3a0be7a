import { closeSync, createReadStream, createWriteStream, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** Less takes more write calls; more does not fit into the processor's cache. */
const BUFFER_BYTES = 65_536

/** A log file that is rotated by size and named as by `logrotate`. */
export class RotatingFile {
  readonly #path: string
  readonly #maxBytes: number
  readonly #parts: string[] = []
  #fd: number | undefined
  #buffer = ''
  #bytes = 0

  /** @param maxBytes the size limit of a part, which only a longer single line exceeds */
  constructor(path: string, maxBytes = Infinity) {
    this.#path = path
    this.#maxBytes = maxBytes
  }

  /** Appends a line, whose characters are written as one byte each. Blocks while it writes. */
  write(line: string): void {
    if (this.#bytes > 0 && this.#bytes + line.length > this.#maxBytes) this.#closePart()
    this.#buffer += line
    this.#bytes += line.length
    if (this.#buffer.length >= BUFFER_BYTES) this.#flush()
  }

  /** Renames the parts to their final names and returns their paths, the oldest first. */
  async close(gzip: boolean): Promise<string[]> {
    this.#closePart()
    const paths: string[] = []
    for (const [index, part] of this.#parts.entries()) {
      const age = this.#parts.length - 1 - index
      const path = age === 0 ? this.#path : `${this.#path}.${age}${gzip ? '.gz' : ''}`
      if (age > 0 && gzip) {
        await pipeline(createReadStream(part), createGzip({ level: 1 }), createWriteStream(path))
        rmSync(part)
      } else renameSync(part, path)
      paths.push(path)
    }
    return paths
  }

  #closePart(): void {
    this.#flush()
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    this.#bytes = 0
  }

  #flush(): void {
    if (this.#fd === undefined) {
      const part = `${this.#path}.part-${this.#parts.length}`
      this.#parts.push(part)
      this.#fd = openSync(part, 'w')
    }
    const bytes = Buffer.from(this.#buffer, 'latin1')
    for (let written = 0; written < bytes.length;) written += writeSync(this.#fd, bytes, written)
    this.#buffer = ''
  }
}
