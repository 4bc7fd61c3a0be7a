import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.ts'
import type { ServerVariant } from './http-servers.ts'
import { getNumber } from './numeric-record.ts'

const NEWLINE = 10

/** A server in its own process, and the two files it may write to: its standard output and a log file. */
export class ServerProcess {
  readonly #child: Child
  readonly #files: readonly string[]
  #port = 0

  constructor({ program }: ServerVariant, folder: string) {
    const [stdout, log] = [join(folder, `${program}.out`), join(folder, `${program}.log`)]
    this.#files = [stdout, log]
    for (const file of this.#files) writeFileSync(file, '')
    this.#child = new Child(`servers/${program}`, { args: [log], stdout })
  }

  get port(): number {
    return this.#port
  }

  async listen(): Promise<void> {
    this.#port = getNumber(await this.#child.call('listen'), 'port')
  }

  async startRound(): Promise<void> {
    await this.#child.call('startRound')
  }

  /** Flushes the server's output and returns its processor time since `startRound`, in microseconds. */
  async endRound(): Promise<number> {
    return getNumber(await this.#child.call('endRound'), 'cpu')
  }

  /**
   * Truncates the files, so that the disk does not fill. The server appends, so its next line is at the start of the
   * file.
   */
  clear(): void {
    for (const file of this.#files) truncateSync(file)
  }

  readLines(): string[] {
    return this.#files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    )
  }

  countLines(): number {
    return this.#files.reduce((sum, file) => sum + countNewlines(readFileSync(file)), 0)
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }
}

function countNewlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return count
}
