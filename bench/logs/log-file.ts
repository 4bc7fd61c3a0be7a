import { closeSync, createReadStream, createWriteStream, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** What is gathered before it is written: less takes more calls, and more no longer fits into the cache of a processor. */
const PIECE = 65_536

/** A log file that is rotated by size, as `logrotate` does it. */
export class LogFile {
  readonly #path: string
  readonly #most: number
  readonly #parts: string[] = []
  #fd: number | undefined
  #gathered = ''
  #bytes = 0

  /** @param most bytes of a part, if none of its lines is longer */
  constructor(path: string, most = Infinity) {
    this.#path = path
    this.#most = most
  }

  /** Appends a line, of one byte per character; waits for the disk. */
  write(line: string): void {
    if (this.#bytes > 0 && this.#bytes + line.length > this.#most) this.#endPart()
    this.#gathered += line
    this.#bytes += line.length
    if (this.#gathered.length >= PIECE) this.#flush()
  }

  /** Gives the parts their names; returns their paths, the oldest first. */
  async close(gzip: boolean): Promise<string[]> {
    this.#endPart()
    const named: string[] = []
    for (const [index, part] of this.#parts.entries()) {
      const age = this.#parts.length - 1 - index
      const name = age === 0 ? this.#path : `${this.#path}.${age}${gzip ? '.gz' : ''}`
      if (age > 0 && gzip) {
        await pipeline(createReadStream(part), createGzip({ level: 1 }), createWriteStream(name))
        rmSync(part)
      } else renameSync(part, name)
      named.push(name)
    }
    return named
  }

  #endPart(): void {
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
    const bytes = Buffer.from(this.#gathered, 'latin1')
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    this.#gathered = ''
  }
}
